# SPDX-License-Identifier: Apache-2.0
"""Writes an OCI image layout (image-spec, image-layout.md) from layer tar files."""
import gzip
import hashlib
import json
import subprocess

MEDIA = "application/vnd.oci.image"
PIECE = 8 << 20  # a layer longer than this becomes several gzip members or zstd frames


def gzip_piece(data):
    return gzip.compress(data, compresslevel=6, mtime=0)


def zstd_piece(data):
    return subprocess.run(["zstd", "-q", "-3", "-c"], input=data, capture_output=True,
                          check=True).stdout


COMPRESSIONS = {"gzip": gzip_piece, "zstd": zstd_piece}


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def write_layout(directory, tars, compression, architecture):
    """A layout with one image of the given layers; returns nothing, `directory` is the result."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(media_type, data):
        (blobs / digest_of(data).removeprefix("sha256:")).write_bytes(data)
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}

    layer_type = f"{MEDIA}.layer.v1.tar+{compression}"
    layers = [blob(layer_type, compressed(tar.read_bytes(), compression)) for tar in tars]
    config = blob(f"{MEDIA}.config.v1+json", as_json(image_config(tars, architecture)))
    manifest = blob(f"{MEDIA}.manifest.v1+json", as_json({
        "schemaVersion": 2, "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": config, "layers": layers}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (directory / "index.json").write_bytes(as_json({"schemaVersion": 2, "manifests": [manifest]}))


def image_config(tars, architecture):
    return {
        "architecture": architecture, "os": "linux",
        "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["/bin/bash"]},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(tar.read_bytes()) for tar in tars]},
        "history": [{"created_by": f"tests/e2e: {tar.stem}"} for tar in tars],
    }


def compressed(data, compression):
    pieces = [data[at:at + PIECE] for at in range(0, len(data), PIECE)]
    return b"".join(COMPRESSIONS[compression](piece) for piece in pieces)


def as_json(value):
    return json.dumps(value, indent=1).encode()
