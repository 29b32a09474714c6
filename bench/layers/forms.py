# SPDX-License-Identifier: Apache-2.0
"""The forms in which each layer is there, made by the tools that everybody uses."""
import subprocess
from concurrent.futures import ThreadPoolExecutor

FRAME = 1 << 20  # zstd:chunked starts a frame per file; what counts is that there are many


def gzip(source, out):
    """One member, as docker and buildkit write it; level 6 is gzip's default."""
    subprocess.run(["gzip", "-6", "-n", "-c", source], stdout=out, check=True)


def zstd(source, out):
    subprocess.run(["zstd", "-q", "-3", "-c", source], stdout=out, check=True)


def zstd_frames(source, out):
    """Many frames, so that several cores can decode them."""
    with open(source, "rb") as tar, ThreadPoolExecutor(2) as pool:
        while pieces := [piece for _ in range(16) if (piece := tar.read(FRAME))]:
            for frame in pool.map(zstd_frame, pieces):
                out.write(frame)


def zstd_frame(piece):
    return subprocess.run(["zstd", "-q", "-3", "-c"], input=piece, capture_output=True,
                          check=True).stdout


FORMS = {"tar.gz": gzip, "tar.zst": zstd, "frames.tar.zst": zstd_frames}
