# SPDX-License-Identifier: Apache-2.0
"""Layers of one shape each, the same on every machine: what they stress is their name."""
import io
import random
import tarfile

from lib.layer import entry

WORDS = [b"layer", b"whiteout", b"digest", b"snapshot", b"the", b"of", b"and", b"0", b"1", b"\n"]


class Content:
    """Bytes that compress about as well as a layer does (3:1 to 4:1), from a fixed seed."""

    def __init__(self, seed=1):
        self._random = random.Random(seed)
        noise = self._random.randbytes(512 << 10)
        words = b" ".join(self._random.choices(WORDS, k=400_000))
        pieces = [noise[at * 512:(at + 1) * 512] + words[at * 1536:(at + 1) * 1536]
                  for at in range(1024)]
        self._pool = b"".join(pieces)

    def take(self, size):
        """`size` bytes, at most 1 MiB, from anywhere in the pool."""
        at = self._random.randrange(len(self._pool) - size)
        return self._pool[at:at + size]

    def fresh(self, size):
        """Half of it was never seen before, so that no window of a codec finds it again."""
        return self._random.randbytes(size // 2) + self.take(size - size // 2)


class Stream(io.RawIOBase):
    """A file that is made while it is read: no 4 GB in memory."""

    def __init__(self, content):
        self._content = content

    def read(self, size=-1):
        return self._content.fresh(size)


def add_file(tar, name, data, **more):
    info = entry(name, tarfile.REGTYPE, 0o644, **more)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def add_directory(tar, name):
    tar.addfile(entry(name, tarfile.DIRTYPE, 0o755))


def small_files(tar, content, count=200_000, size=3 << 10):
    """The shape of a dependency tree: a hundred files in each directory."""
    for number in range(count):
        directory = f"d{number // 100:05}"
        if number % 100 == 0:
            add_directory(tar, directory)
        add_file(tar, f"{directory}/f{number}", content.take(size))


def one_directory(tar, content, count=100_000, size=512):
    add_directory(tar, "all")
    for number in range(count):
        add_file(tar, f"all/f{number}", content.take(size))


def one_file(tar, content, size=4 << 30):
    info = entry("large", tarfile.REGTYPE, 0o644)
    info.size = size
    tar.addfile(info, Stream(content))


def deep(tar, content, chains=300, depth=64):
    """Chains of directories, a file at each level, so that paths are long."""
    for chain in range(chains):
        path = f"c{chain}"
        for level in range(depth):
            add_directory(tar, path)
            add_file(tar, f"{path}/file", content.take(1000))
            path += f"/l{level}"


def hard_links(tar, content, count=100_000, names=100):
    """Each inode has `names` names."""
    for number in range(count // names):
        add_directory(tar, f"d{number}")
        add_file(tar, f"d{number}/first", content.take(3000))
        for name in range(1, names):
            link = entry(f"d{number}/n{name}", tarfile.LNKTYPE, 0o644,
                         linkname=f"d{number}/first")
            tar.addfile(link)


def xattrs(tar, content, count=50_000):
    for number in range(count):
        directory = f"d{number // 100:05}"
        if number % 100 == 0:
            add_directory(tar, directory)
        add_file(tar, f"{directory}/f{number}", content.take(1000),
                 xattrs={"user.colour": "green", "user.number": str(number)})


# Name: (function, the argument that --quick divides by 100).
SHAPES = {
    "small-files": (small_files, {"count": 200_000}),
    "one-directory": (one_directory, {"count": 100_000}),
    "one-file": (one_file, {"size": 4 << 30}),
    "deep": (deep, {"chains": 300}),
    "hard-links": (hard_links, {"count": 100_000}),
    "xattrs": (xattrs, {"count": 50_000}),
}


def write_layer(path, shape, **arguments):
    """A layer of this shape; the arguments are its function's."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        SHAPES[shape][0](tar, Content(), **arguments)


def write_standard_layer(path, shape, quick):
    """With the size the benchmark gives it, or a hundredth of that."""
    divisor = 100 if quick else 1
    write_layer(path, shape, **{name: size // divisor for name, size in SHAPES[shape][1].items()})
