# SPDX-License-Identifier: Apache-2.0
"""The folder outside the checkout where peers, packages and images are kept between runs."""
import contextlib
import fcntl
import os
import shutil
from pathlib import Path


def cache_dir():
    """The same folder as peers.sh uses."""
    if os.environ.get("LAMINA_CACHE"):
        return Path(os.environ["LAMINA_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lamina"


def peer_program(peer, program):
    return cache_dir() / "peers" / peer / "bin" / program


@contextlib.contextmanager
def cache_lock(name):
    """Two test runs on one machine make a thing once."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    with open(cache_dir() / f".{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def published(path):
    """A folder to fill, renamed to `path` once complete: nothing half made is ever found."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    yield unfinished
    unfinished.rename(path)
