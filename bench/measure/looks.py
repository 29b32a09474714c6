# SPDX-License-Identifier: Apache-2.0
"""What a program meets that looks at an image for the first time: microseconds for each name."""
import contextlib
import os
import time

from lib import isolation

MISSING = 60  # names that are not there, as a search through a path meets them


def looks_at(image):
    """{what: (what is done to a name, all names)}"""
    return {
        "missing": (os.path.lexists, [f"usr/share/doc/none-{number}" for number in range(MISSING)]),
        "found": (os.stat, image.files),
        "listed": (os.listdir, image.merged),
    }


def look_at(image, host):
    """{"cold": {"mount": ..., "missing": ...}, "warm": ...}: everything once after the filesystem
    was mounted anew, and once more when only the overlay is new."""
    seen = {"cold": {}, "warm": {}}
    for what, (look, names) in looks_at(image).items():
        host.forget()
        for memory, found in seen.items():
            with mounted(host) as (root, microseconds):
                found.setdefault("mount", microseconds)
                found[what] = time_of(look, root, names)
    return seen


@contextlib.contextmanager
def mounted(host):
    """As a container's root. Relative names of lower directories, as containerd gives them, since
    the options of a mount have to fit a page."""
    made = {name: host.directory / name for name in ("merged", "upper", "work")}
    for directory in made.values():
        directory.mkdir(exist_ok=True)
    options = f"lowerdir={':'.join(host.lowers)},upperdir={made['upper']},workdir={made['work']}"
    before = os.getcwd()
    os.chdir(host.snapshots)
    try:
        began = time.perf_counter()
        isolation.mount("overlay", made["merged"], "overlay", options)
        took = time.perf_counter() - began
    finally:
        os.chdir(before)
    try:
        yield made["merged"], took * 1e6
    finally:
        isolation.unmount(made["merged"])


def time_of(look, root, names):
    paths = [f"{root}/{name}" for name in names]
    began = time.perf_counter()
    for path in paths:
        look(path)
    return (time.perf_counter() - began) * 1e6 / len(paths)
