# SPDX-License-Identifier: Apache-2.0
"""Content stores that already hold an image, made once per corpus and lent to every run."""
import contextlib
import hashlib
import json
import shutil

from layers.corpus import COMPRESSIONS
from lib.cache import cache_lock, published
from lib.process import run
from measure.containerd import MeasuredContainerd

CONTENT = "io.containerd.content.v1.content"
METADATA = "io.containerd.metadata.v1.bolt"
NAMESPACE = "bench"


class Seed:
    """The image in each compression, once in the registry and once as a content store: one content
    folder for all versions of containerd, and a meta.db of each that knows it."""

    def __init__(self, image, registry):
        self.manifests = {compression: manifest_digest(image.layout(compression))
                          for compression in COMPRESSIONS}
        key = hashlib.sha256(json.dumps(self.manifests).encode()).hexdigest()[:16]
        self._directory = image.directory / f"seed-{key}"
        self.layer_count = len(image.layers)
        self.references = {compression: registry.push(image.layout(compression),
                                                      f"{image.name}:{compression}")
                           for compression in COMPRESSIONS}

    def blobs(self):
        return sorted((self._directory / "content" / "blobs" / "sha256").iterdir())

    def make(self, versions, scratch):
        with cache_lock("bench-seed"):
            if not self._directory.exists():
                with published(self._directory) as unfinished:
                    (unfinished / "content").mkdir()
                    for version in versions:
                        self._fetch(version, unfinished, scratch / f"seed-{version}")

    def _fetch(self, version, seed, directory):
        """The second version finds the blobs there and only takes note of them."""
        with bound_content(seed / "content", directory):
            with MeasuredContainerd(version, directory, NAMESPACE) as containerd:
                for reference in self.references.values():
                    containerd.ctr("content", "fetch", "--plain-http", reference)
        shutil.copytree(directory / "root" / METADATA, seed / version)
        shutil.rmtree(directory)

    @contextlib.contextmanager
    def lent_to(self, version, directory):
        """`directory` becomes that of a containerd of this version that has the images."""
        with bound_content(self._directory / "content", directory):
            shutil.copytree(self._directory / version, directory / "root" / METADATA)
            yield


@contextlib.contextmanager
def bound_content(content, directory):
    target = directory / "root" / CONTENT
    target.mkdir(parents=True)
    run("mount", "--bind", content, target)
    try:
        yield
    finally:
        run("umount", target)


def manifest_digest(layout):
    return json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
