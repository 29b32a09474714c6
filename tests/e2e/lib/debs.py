# SPDX-License-Identifier: Apache-2.0
"""Debian packages as input for image layers: fetched by apt, read as tar streams."""
import subprocess
import tarfile
import tempfile
from pathlib import Path

from lib.cache import cache_dir, cache_lock
from lib.process import run

# Packages still name the folders that a merged /usr turned into links, e.g. ./bin/bash.
MERGED = ("bin/", "lib/", "lib32/", "lib64/", "libx32/", "sbin/")


def deb(package):
    """The package's file, downloaded once with the machine's own apt sources."""
    directory = cache_dir() / "debs"
    path = directory / f"{package}.deb"
    with cache_lock("debs"):
        if not path.exists():
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=directory) as scratch:
                run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package,
                    cwd=scratch)
                next(Path(scratch).glob("*.deb")).rename(path)
    return path


def members(package):
    """Yields (TarInfo, file object or None) of a package's files, named for a merged /usr."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb(package)],
                          stdout=subprocess.PIPE) as unpacker:
        with tarfile.open(fileobj=unpacker.stdout, mode="r|") as tar:
            for info in tar:
                info.name = merged(info.name)
                if info.islnk():
                    info.linkname = merged(info.linkname)
                yield info, tar.extractfile(info) if info.isreg() else None
        if unpacker.wait() != 0:
            raise AssertionError(f"dpkg-deb cannot read {package}")


def control(package):
    """What /var/lib/dpkg/status would say of it."""
    return run("dpkg-deb", "--field", deb(package)).encode() + b"Status: install ok installed\n\n"


def merged(name):
    name = name.removeprefix("./").rstrip("/")
    return f"usr/{name}" if f"{name}/".startswith(MERGED) else name
