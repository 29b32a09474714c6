# SPDX-License-Identifier: Apache-2.0
"""One image layer as an uncompressed tar file, written entry by entry."""
import io
import posixpath
import tarfile

from lib import debs

BORN = 1_700_000_000  # seconds; entries have fixed times, so a layer's digest is always the same


class Layer:
    """Entries in the order of the calls. `implied` ends as the folders no entry of it names."""

    def __init__(self, path):
        self._tar = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)
        self._directories, self._names = set(), set()

    def close(self):
        self._tar.close()

    @property
    def implied(self):
        """Folders that unpacking has to make although the layer has no entry for them."""
        parents = {parent for name in self._names for parent in ancestors(name)}
        return sorted(parents - self._directories)

    def package(self, name, without=(), into=""):
        """All files of a Debian package, except those below the folders in `without`; in the
        folder `into`, where they are not installed but unpacked."""
        for info, content in debs.members(name):
            if not info.name or info.name.startswith(tuple(without)):
                continue
            info.name = posixpath.join(into, info.name)
            if info.islnk():
                info.linkname = posixpath.join(into, info.linkname)
            if not (info.isdir() and info.name in self._directories):
                self._add(info, content)

    def directory(self, path, mode=0o755, **more):
        self._add(entry(path, tarfile.DIRTYPE, mode, **more))

    def file(self, path, data, mode=0o644, **more):
        info = entry(path, tarfile.REGTYPE, mode, **more)
        info.size = len(data)
        self._add(info, io.BytesIO(data))

    def symlink(self, path, target, **more):
        self._add(entry(path, tarfile.SYMTYPE, 0o777, linkname=target, **more))

    def hardlink(self, path, target, mode=0o644, **more):
        self._add(entry(path, tarfile.LNKTYPE, mode, linkname=target, **more))

    def fifo(self, path, mode=0o644, **more):
        self._add(entry(path, tarfile.FIFOTYPE, mode, **more))

    def char_device(self, path, major, minor, mode=0o666, **more):
        self._add(entry(path, tarfile.CHRTYPE, mode, devmajor=major, devminor=minor, **more))

    def whiteout(self, path):
        """Deletes what the layers below have at `path`."""
        directory, name = posixpath.split(path)
        self.file(posixpath.join(directory, f".wh.{name}"), b"")

    def opaque(self, directory):
        """Hides everything the layers below have in `directory`."""
        self.file(f"{directory}/.wh..wh..opq", b"")

    def _add(self, info, content=None):
        self._tar.addfile(info, content)
        self._names.add(info.name)
        if info.isdir():
            self._directories.add(info.name)


def entry(path, kind, mode, xattrs=None, nanoseconds=0, **fields):
    """A header; `nanoseconds` are added to the time, `xattrs` are {name: text}."""
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.mtime = kind, mode, BORN
    for name, value in fields.items():
        setattr(info, name, value)
    if nanoseconds:
        info.pax_headers["mtime"] = f"{BORN}.{nanoseconds:09d}"
    for name, value in (xattrs or {}).items():
        info.pax_headers[f"SCHILY.xattr.{name}"] = value
    return info


def ancestors(name):
    while name := posixpath.dirname(name):
        yield name
