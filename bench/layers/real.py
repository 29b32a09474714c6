# SPDX-License-Identifier: Apache-2.0
"""The layers of the image: Debian packages, an npm tree, and whiteouts over both."""
import shutil
import subprocess
import tempfile
from pathlib import Path

from lib.layer import BORN, Layer

BASE_EXTRA = ["git", "libperl5.36", "libpython3.11-stdlib"]

TOOLCHAIN = [
    "binutils-x86-64-linux-gnu", "clang-14", "cmake", "cmake-data", "cpp-12", "g++-12", "gcc-12",
    "gdb", "gfortran-12", "gnat-12", "libc6-dev", "libclang-common-14-dev", "libgcc-12-dev",
    "libicu-dev", "libpython3.11-dev", "libssl-dev", "libstdc++-12-dev", "linux-libc-dev",
    "valgrind",
]

BINARIES = ["chromium", "libllvm14", "libllvm15", "libllvm16", "libstd-rust-1.63", "rustc"]


def base_packages():
    """What debootstrap would take, and a little more: the priority is the archive's own."""
    available = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True,
                               check=True).stdout
    fields = (dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line
                   and not line.startswith(" ")) for paragraph in available.split("\n\n"))
    wanted = {entry["Package"] for entry in fields
              if entry.get("Priority") in ("required", "important", "standard")}
    return sorted(wanted.union(BASE_EXTRA))


def base(path):
    out = Layer(path)
    out.directory("usr")
    for name in ("bin", "lib", "lib64", "sbin"):
        out.directory(f"usr/{name}")
        out.symlink(name, f"usr/{name}")
    for package in base_packages():
        out.package(package)
    out.close()


def toolchain(path):
    out = Layer(path)
    for package in ("tzdata", "git", "perl-base"):
        out.whiteout(f"usr/share/doc/{package}")
    out.directory("usr/share/zoneinfo")
    out.opaque("usr/share/zoneinfo")
    out.file("usr/share/zoneinfo/UTC", b"what was here below is hidden\n")
    for package in TOOLCHAIN:
        out.package(package)
    out.close()


def npm(path):
    """srv/app as `npm install` leaves it, with the times that real layers have: all the same."""
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        app = Path(scratch, "srv", "app")
        app.mkdir(parents=True)
        shutil.copy(Path(__file__).parent.parent / "npm" / "package.json", app)
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund",
                        "--legacy-peer-deps", "--loglevel=error"], cwd=app, stdout=subprocess.DEVNULL, check=True)
        subprocess.run(["tar", "--create", "--file", path, "--directory", scratch, "--sort=name",
                        "--format=pax", "--pax-option=delete=atime,delete=ctime",
                        f"--mtime=@{BORN}", "--owner=0", "--group=0", "--numeric-owner", "srv"],
                       check=True)


def binaries(path):
    out = Layer(path)
    for package in BINARIES:
        out.package(package)
    out.close()


def whiteouts(path):
    """Removes something of each layer below; holds hardly any bytes itself."""
    out = Layer(path)
    for package in base_packages() + TOOLCHAIN:
        out.whiteout(f"usr/share/doc/{package}")
    for package in ("date-fns", "ramda", "lodash-es"):
        out.whiteout(f"srv/app/node_modules/{package}")
    out.directory("srv/app/node_modules/rxjs")
    out.opaque("srv/app/node_modules/rxjs")
    out.whiteout("usr/lib/chromium")
    out.close()


LAYERS = {"base": base, "toolchain": toolchain, "npm": npm, "binaries": binaries,
          "whiteouts": whiteouts}
