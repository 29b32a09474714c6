# SPDX-License-Identifier: Apache-2.0
"""Writes an OCI image layout (image-spec, image-layout.md) from layer tar files."""
import gzip
import hashlib
import json
import subprocess

MEDIA = "application/vnd.oci.image"
REF_NAME = "org.opencontainers.image.ref.name"  # annotations.md
PIECE = 8 << 20  # a layer longer than this becomes several gzip members or zstd frames


def gzip_piece(data):
    return gzip.compress(data, compresslevel=6, mtime=0)


def zstd_piece(data):
    return subprocess.run(["zstd", "-q", "-3", "-c"], input=data, capture_output=True,
                          check=True).stdout


COMPRESSIONS = {"gzip": gzip_piece, "zstd": zstd_piece}


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Blobs:
    """The blobs of a layout that is being made. A layer of several images is compressed once."""

    def __init__(self, layout, compression):
        self._directory = layout / "blobs" / "sha256"
        self._directory.mkdir(parents=True)
        self._compression, self._layers = compression, {}

    def add(self, media_type, data):
        """Returns the descriptor."""
        (self._directory / digest_of(data).removeprefix("sha256:")).write_bytes(data)
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}

    def layer(self, tar):
        if tar not in self._layers:
            self._layers[tar] = self.add(f"{MEDIA}.layer.v1.tar+{self._compression}",
                                         compressed(tar.read_bytes(), self._compression))
        return self._layers[tar]

    def image(self, tars, config):
        layers = [self.layer(tar) for tar in tars]
        return self.document("manifest", {
            "config": self.add(f"{MEDIA}.config.v1+json", as_json(config)), "layers": layers})

    def index(self, manifests):
        return self.document("index", {"manifests": manifests})

    def document(self, kind, fields):
        """A manifest or an index."""
        media_type = f"{MEDIA}.{kind}.v1+json"
        return self.add(media_type, as_json({"schemaVersion": 2, "mediaType": media_type,
                                             **fields}))


def write_layout(directory, tars, compression, architecture):
    """A layout with one image of the given layers; returns nothing, `directory` is the result."""
    config = image_config(tars, {"architecture": architecture})
    finish_layout(directory, [Blobs(directory, compression).image(tars, config)])


def finish_layout(directory, images):
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (directory / "index.json").write_bytes(as_json({"schemaVersion": 2, "manifests": images}))


def image_config(tars, platform, history=None):
    return {
        "os": "linux", **platform,
        "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["/bin/bash"]},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(tar.read_bytes()) for tar in tars]},
        "history": history or [{"created_by": f"tests/e2e: {tar.stem}"} for tar in tars],
    }


def compressed(data, compression):
    pieces = [data[at:at + PIECE] for at in range(0, len(data), PIECE)]
    return b"".join(COMPRESSIONS[compression](piece) for piece in pieces)


def as_json(value):
    return json.dumps(value, indent=1).encode()
