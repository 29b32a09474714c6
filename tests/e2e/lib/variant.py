# SPDX-License-Identifier: Apache-2.0
"""Images made of the test image's blobs, by other manifests and configurations."""
import json
import shutil

from lib import oci


class Layout:
    """A copy of an image layout to change."""

    def __init__(self, layout, directory):
        shutil.copytree(layout, directory)
        self.directory = directory
        self.index = json.loads((directory / "index.json").read_text())
        self.manifest = self._read(self.index["manifests"][0])
        self.config = self._read(self.manifest["config"])

    def keep_layers(self, numbers):
        self.manifest["layers"] = [self.manifest["layers"][number] for number in numbers]
        diff_ids = self.config["rootfs"]["diff_ids"]
        self.config["rootfs"]["diff_ids"] = [diff_ids[number] for number in numbers]
        self.config["history"] = [self.config["history"][number] for number in numbers]

    def write(self):
        """Returns the folder."""
        self.manifest["config"] |= self._write(self.config)
        self.index["manifests"][0] |= self._write(self.manifest)
        (self.directory / "index.json").write_bytes(oci.as_json(self.index))
        return self.directory

    def _blob(self, digest):
        return self.directory / "blobs" / digest.replace(":", "/")

    def _read(self, descriptor):
        return json.loads(self._blob(descriptor["digest"]).read_text())

    def _write(self, document):
        data = oci.as_json(document)
        self._blob(oci.digest_of(data)).write_bytes(data)
        return {"digest": oci.digest_of(data), "size": len(data)}
