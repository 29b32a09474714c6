# SPDX-License-Identifier: Apache-2.0
"""Layers that differ in one number only."""
from layers import synthetic
from layers.corpus import LayerFile

FILE_MEGABYTES = [1, 4, 16, 64, 256, 1024]
FILE_COUNTS = [100, 1_000, 10_000, 100_000]
WRITERS = [1, 2, 4, 8]


def shapes(corpus, quick):
    """Yields (kind, number, layer), made when missing."""
    directory = corpus.directory / "sweeps"
    directory.mkdir(exist_ok=True)
    for megabytes in FILE_MEGABYTES[:3 if quick else None]:
        yield "sweep-bytes", megabytes, made(directory, "one-file", size=megabytes << 20)
    for count in FILE_COUNTS[:2 if quick else None]:
        yield "sweep-files", count, made(directory, "small-files", count=count)


def made(directory, shape, **arguments):
    name = f"{shape}-{'-'.join(map(str, arguments.values()))}"
    layer = LayerFile(directory, name, forms=("tar.gz",))
    layer.make(lambda path: synthetic.write_layer(path, shape, **arguments))
    return layer
