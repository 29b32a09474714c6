# SPDX-License-Identifier: Apache-2.0
"""Layers that differ in one number only."""
from layers import synthetic
from layers.corpus import LayerFile

FILE_MEGABYTES = [1, 4, 16, 64, 256, 1024]
FILE_COUNTS = [100, 1_000, 10_000, 100_000]
WRITERS = [1, 2, 4, 8]
WRITERS_FILES = 30_000  # each number of writers is measured with both engines


def shapes(corpus, quick):
    """[(kind, number, layer)], made when missing."""
    directory = folder(corpus)
    sizes = FILE_MEGABYTES[:3 if quick else None]
    counts = FILE_COUNTS[:2 if quick else None]
    return [("sweep-bytes", size, made(directory, "one-file", size=size << 20)) for size in sizes
            ] + [("sweep-files", count, made(directory, "small-files", count=count))
                 for count in counts]


def layer_of_writers(corpus, quick):
    return made(folder(corpus), "small-files", count=FILE_COUNTS[1] if quick else WRITERS_FILES)


def folder(corpus):
    directory = corpus.directory / "sweeps"
    directory.mkdir(exist_ok=True)
    return directory


def made(directory, shape, **arguments):
    name = f"{shape}-{'-'.join(map(str, arguments.values()))}"
    layer = LayerFile(directory, name, forms=("tar.gz",))
    layer.make(lambda path: synthetic.write_layer(path, shape, **arguments))
    return layer
