# SPDX-License-Identifier: Apache-2.0
"""The image that the cases pull: six layers of Debian packages and of everything layers can do."""
import hashlib
import json
from pathlib import Path

from lib import debs, layer, oci
from lib.cache import cache_dir, cache_lock, published
from lib.layer import Layer
from lib.process import run

NET_RAW = "\x01\x00\x00\x02\x00\x20" + "\x00" * 14  # capability.h: revision 2, effective, bit 13

MANUALS = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/")


def base(out):
    """A merged /usr, a static shell for every tool, folders with sticky, setgid and odd owners."""
    out.directory("usr")
    for name in ("bin", "lib", "lib64", "sbin"):
        out.directory(f"usr/{name}")
        out.symlink(name, f"usr/{name}")
    out.package("base-files")
    out.package("busybox-static")
    out.package("tzdata")
    out.directory("var/mail", mode=0o2775, gid=8)
    out.directory("srv/owned", mode=0o750, uid=1234, gid=4321, xattrs={"user.note": "lower"})
    out.file("srv/owned/kept", b"from the first layer\n", uid=1234, gid=4321)
    out.file("etc/replaced", b"a file that becomes a folder\n")


def shell(out):
    for name in ("libc6", "libtinfo6", "bash", "libselinux1", "libpcre2-8-0", "libacl1", "libattr1",
                 "libgmp10", "coreutils"):
        out.package(name)
    out.symlink("usr/bin/sh", "bash")


def perl(out):
    """Thousands of files, and perl-base's program under two names of one inode."""
    for name in ("perl-base", "perl-modules-5.36", "libcrypt1"):
        out.package(name, without=MANUALS)


def privileges(out):
    """Set-uid and set-gid programs, a file capability, attributes, devices, links, odd times."""
    for name in ("passwd", "login", "sudo"):
        out.package(name, without=MANUALS)
    out.file("usr/bin/raw", b"#!/bin/sh\n", mode=0o755, xattrs={"security.capability": NET_RAW})
    out.directory("srv/zoo", mode=0o2755, gid=8, nanoseconds=123_456_789)
    out.file("srv/zoo/exact", b"to the nanosecond\n", nanoseconds=987_654_321,
             xattrs={"user.colour": "green", "user.empty": ""})
    out.hardlink("srv/zoo/exact-too", "srv/zoo/exact")
    out.hardlink("etc/exact-elsewhere", "srv/zoo/exact", uid=5, nanoseconds=1_002)  # the last wins
    out.symlink("srv/zoo/dangling", "/nowhere/at/all", uid=7, gid=7)
    out.hardlink("srv/zoo/dangling-too", "srv/zoo/dangling", mode=0o777)
    out.fifo("srv/zoo/fifo", uid=3)
    out.char_device("srv/zoo/null", 1, 3)
    out.file("srv/zoo/" + "n" * 200 + "/" + "m" * 200, b"a name that needs a pax record\n")
    out.file("srv/zoo/empty", b"", mode=0o4711, uid=65534, gid=65534)


def changes(out):
    """Whiteouts, an opaque folder, files for folders and back; parents that no entry names."""
    out.whiteout("usr/share/doc/bash")
    out.whiteout("srv/zoo/fifo")
    out.whiteout("usr/share/zoneinfo/Europe")
    out.directory("usr/share/zoneinfo/Asia")
    out.opaque("usr/share/zoneinfo/Asia")
    out.file("usr/share/zoneinfo/Asia/Only", b"what was here below is hidden\n")
    out.directory("etc/replaced")
    out.file("etc/replaced/inside", b"now a folder\n")
    out.file("usr/share/doc/coreutils", b"a file, no longer a folder\n")
    out.file("srv/owned/added", b"its folder's owner is the lower layer's\n")
    out.file("opt/no/entry/names/these", b"implied folders, new here\n")
    out.symlink("srv/zoo/exact", "/etc/hostname")


def last(out):
    """Undoes some of the layer before, and holds a folder that replaces one whited out."""
    out.whiteout("opt/no/entry")
    out.file("opt/no/more", b"")
    out.directory("usr/share/zoneinfo/Europe")
    out.file("usr/share/zoneinfo/Europe/Only", b"back, with nothing of what was before\n")
    out.file("etc/motd", b"layers put together by lamina\n", nanoseconds=1)
    out.whiteout("srv/zoo/exact-too")


LAYERS = [base, shell, perl, privileges, changes, last]


class Image:
    """The cached result: a layout per compression, and what is known about the layers."""

    def __init__(self, directory):
        self._directory = directory
        facts = json.loads((directory / "facts.json").read_text())
        self.diff_ids, self.implied = facts["diff_ids"], facts["implied"]
        self.chain_ids = chain_ids(self.diff_ids)

    def layout(self, compression):
        return self._directory / compression

    def layer_digests(self, compression):
        """Of the compressed blobs, base first."""
        blobs = self.layout(compression) / "blobs"
        index = json.loads((self.layout(compression) / "index.json").read_text())
        manifest = blobs / index["manifests"][0]["digest"].replace(":", "/")
        return [layer["digest"] for layer in json.loads(manifest.read_text())["layers"]]


def chain_ids(diff_ids):
    """image-spec, config.md, "Layer ChainID"."""
    chain = [diff_ids[0]]
    for diff_id in diff_ids[1:]:
        chain.append(oci.digest_of(f"{chain[-1]} {diff_id}".encode()))
    return chain


def test_image():
    """The image, built the first time and again whenever these sources change."""
    directory = cache_dir() / "images" / sources_digest()
    with cache_lock("images"):
        if not directory.exists():
            with published(directory) as unfinished:
                build(unfinished)
    return Image(directory)


def sources_digest():
    sources = [Path(module.__file__).read_bytes() for module in (debs, layer, oci)]
    return oci.digest_of(b"".join([*sources, Path(__file__).read_bytes()]))[7:23]


def build(directory):
    architecture = run("dpkg", "--print-architecture").strip()
    tars, implied = [], []
    for fill in LAYERS:
        tars.append(directory / f"{fill.__name__}.tar")
        out = Layer(tars[-1])
        fill(out)
        out.close()
        implied.append(out.implied)
    for compression in oci.COMPRESSIONS:
        oci.write_layout(directory / compression, tars, compression, architecture)
    diff_ids = [oci.digest_of(tar.read_bytes()) for tar in tars]
    (directory / "facts.json").write_text(json.dumps({"diff_ids": diff_ids, "implied": implied}))
