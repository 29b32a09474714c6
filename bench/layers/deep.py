# SPDX-License-Identifier: Apache-2.0
"""An image of 60 layers: Debian's Python, and a package of modules in each layer above it.

Every layer writes dpkg's status anew and adds to usr/share/doc and dist-packages, as it would come
out of a Dockerfile with an `apt-get install` for each dependency.
"""
import json
import tarfile
from collections import Counter

from lib import image
from lib.build import Build, dpkg_status, write_images
from lib.cache import cache_dir, cache_lock, published

NAME = "deep"
PYTHON = ["libpython3.11-minimal", "python3.11-minimal", "libpython3.11-stdlib", "libexpat1",
          "zlib1g"]
MODULES = [f"python3-{name}" for name in (
    "appdirs attr babel blinker bs4 cachetools certifi chardet click colorama dateutil decorator "
    "deprecated distro docopt dotenv filelock flask html5lib httplib2 humanize idna "
    "importlib-metadata iniconfig isodate itsdangerous jinja2 jsonschema jwt mako mock "
    "more-itertools mypy-extensions natsort nose2 oauthlib packaging parse pathspec pexpect "
    "platformdirs pluggy ply prettytable ptyprocess pyasn1 pycparser pyparsing pyperclip pytest "
    "requests rsa semver six sortedcontainers soupsieve tabulate urllib3").split()]
QUICK = ["libcrypt1", "login", "passwd"]  # of the tests' image, so they are fetched already


class DeepImage:
    """`files` holds one file of each package, `merged` the directories that most layers have."""

    def __init__(self, quick):
        self.packages = QUICK if quick else MODULES
        self.layers = len(self.packages) + 2
        self.directory = cache_dir() / "corpus" / f"deep-{self.layers}"
        with cache_lock("bench-deep"):
            if not self.directory.exists():
                with published(self.directory) as unfinished:
                    self._make(unfinished)
        facts = json.loads((self.directory / "facts.json").read_text())
        self.files, self.merged = facts["files"], facts["merged"]

    @property
    def layout(self):
        return self.directory / "layout"

    def _make(self, directory):
        build = Build(directory / "tars")
        with build.layer("ADD rootfs.tar.xz /") as out:
            image.base(out)
            image.shell(out)
        with build.layer("RUN apt-get install python3.11-minimal") as out:
            for package in PYTHON if self.packages is MODULES else ["perl-modules-5.36"]:
                out.package(package)
        for number, package in enumerate(self.packages, 1):
            with build.layer(f"RUN apt-get install {package}") as out:
                out.package(package)
                dpkg_status(out, self.packages[:number])
        write_images(directory / "layout", {NAME: build})
        layers = [names_of(tar) for tar in build.tars]
        (directory / "facts.json").write_text(json.dumps(
            {"files": [first_file(layer) for layer in layers[2:]], "merged": merged(layers)}))


def names_of(path):
    """{name: is it a directory} of a layer."""
    with tarfile.open(path) as tar:
        return {entry.name: entry.isdir() for entry in tar}


def first_file(names):
    return min(name for name, is_directory in names.items() if not is_directory)


def merged(layers):
    counts = Counter(name for names in layers for name, is_directory in names.items()
                     if is_directory)
    return sorted(name for name, count in counts.items() if count > len(layers) / 2)
