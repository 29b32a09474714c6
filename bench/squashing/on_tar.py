#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docker-squash on a docker-save tar, without a Docker engine: on_tar.py SOURCE ROWS RESULT.

Run by the Python that has docker-squash. Its own squashing runs unchanged; only the engine that it
asks for the image is replaced by the tar. The topmost ROWS of the history are squashed.
"""
import json
import logging
import sys
import tarfile

from docker_squash.squash import Squash

PIECE = 2 << 20  # what the Docker client hands out at a time (docker.constants)


class TarEngine:
    """What docker-squash asks of a Docker client, answered from a tar."""

    def __init__(self, path):
        self._path = path
        with tarfile.open(path) as tar:
            manifest = json.load(tar.extractfile("manifest.json"))[0]
            self._config = json.load(tar.extractfile(manifest["Config"]))
        self._id = "sha256:" + manifest["Config"].rsplit("/", 1)[-1].removesuffix(".json")

    def version(self):
        return {"Version": "25.0.0", "ApiVersion": "1.44"}

    def inspect_image(self, _):
        return {"Id": self._id}

    def history(self, _):
        """Newest first; only the topmost row has an ID, as with an image that was pulled."""
        rows = len(self._config["history"])
        return [{"Id": self._id}] + [{"Id": "<missing>"}] * (rows - 1)

    def get_image(self, _):
        with open(self._path, "rb") as tar:
            while piece := tar.read(PIECE):
                yield piece


def main():
    source, rows, result = sys.argv[1:]
    log = logging.getLogger()
    log.setLevel(logging.WARNING)
    Squash(log, "image", TarEngine(source), from_layer=rows, tag="bench:squashed",
           output_path=result, load_image=False).run()


if __name__ == "__main__":
    main()
