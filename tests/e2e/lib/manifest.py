# SPDX-License-Identifier: Apache-2.0
"""A tree as {path: {field: value}}, complete enough that equal manifests mean equal layers."""
import hashlib
import os
import stat

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink",
         stat.S_IFIFO: "fifo", stat.S_IFCHR: "char", stat.S_IFBLK: "block", stat.S_IFSOCK: "socket"}


def manifest(root):
    """Opaque marks show as the extended attributes they are, whiteouts as a kind of their own."""
    root, tree, first_names = os.fspath(root), {}, {}
    for path in sorted(paths_below(root)):
        found = os.lstat(path)
        name = os.path.relpath(path, root)
        tree[name] = {**facts(path, found), "same inode as": None}
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            tree[name]["same inode as"] = first_names.setdefault(found.st_ino, name)
    return tree


def paths_below(root):
    yield root
    for directory, directories, files in os.walk(root):
        yield from (os.path.join(directory, name) for name in directories + files)


def facts(path, found):
    return {
        "kind": kind(found), "mode": oct(stat.S_IMODE(found.st_mode)),
        "owner": (found.st_uid, found.st_gid), "device": found.st_rdev,
        "size": found.st_size if stat.S_ISREG(found.st_mode) else 0,
        "content": content(path, found.st_mode), "mtime": found.st_mtime_ns,
        "xattrs": {name: os.getxattr(path, name, follow_symlinks=False)
                   for name in os.listxattr(path, follow_symlinks=False)},
    }


def kind(found):
    whiteout = stat.S_ISCHR(found.st_mode) and found.st_rdev == 0  # overlayfs.rst, "whiteouts"
    return "whiteout" if whiteout else KINDS[stat.S_IFMT(found.st_mode)]


def content(path, mode):
    if stat.S_ISLNK(mode):
        return os.readlink(path)
    if not stat.S_ISREG(mode):
        return None
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differences(actual, expected):
    """Yields (path, field, actual value, expected value); a missing path has field "path"."""
    for path in sorted(actual.keys() | expected.keys()):
        if path not in actual or path not in expected:
            yield path, "path", path in actual, path in expected
            continue
        for field, value in expected[path].items():
            if actual[path][field] != value:
                yield path, field, actual[path][field], value
