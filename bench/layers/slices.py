# SPDX-License-Identifier: Apache-2.0
"""Cuts one layer into many of the same size, for images of which many layers are unpacked at once.

Directories stay in the slice that begins them, so most slices only imply those of earlier ones, as
layers of real images do.
"""
import functools
import tarfile

COUNT = 12
BLOCK = 512


def writers(whole):
    """A function for each slice that writes it, a tar, to a path."""
    return [functools.partial(write_slice, whole, number) for number in range(COUNT)]


def write_slice(whole, number, path):
    borders = find_borders(whole)
    with open(whole, "rb") as source, open(path, "wb") as out:
        source.seek(borders[number])
        while (left := borders[number + 1] - source.tell()) > 0:
            out.write(source.read(min(left, 1 << 20)))
        out.write(bytes(2 * BLOCK))  # the end of an archive


@functools.cache
def find_borders(whole):
    """COUNT + 1 places between entries."""
    size, borders = whole.stat().st_size, []
    with tarfile.open(whole, "r:") as tar:
        for entry in tar:
            if entry.offset >= len(borders) * size / COUNT:
                borders.append(entry.offset)
            end = entry.offset_data + (-(-entry.size // BLOCK) * BLOCK if entry.isreg() else 0)
    assert len(borders) == COUNT, f"{whole} has too few entries for {COUNT} slices"
    return [*borders, end]
