# SPDX-License-Identifier: Apache-2.0
"""OCI image layouts (image-spec, image-layout.md) whose layers are hard links to the corpus."""
import os

from lib import oci
from lib.process import run


def write_layout(directory, layers, form, compression):
    """`layers` are the corpus's own descriptions, base first."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(media_type, data):
        digest = oci.digest_of(data)
        (blobs / digest.removeprefix("sha256:")).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def layer_blob(layer):
        digest = layer.digest(form)
        os.link(layer.path(form), blobs / digest.removeprefix("sha256:"))
        return {"mediaType": f"{oci.MEDIA}.layer.v1.tar+{compression}", "digest": digest,
                "size": layer.path(form).stat().st_size}

    config = blob(f"{oci.MEDIA}.config.v1+json", oci.as_json(image_config(layers)))
    manifest = blob(f"{oci.MEDIA}.manifest.v1+json", oci.as_json({
        "schemaVersion": 2, "mediaType": f"{oci.MEDIA}.manifest.v1+json", "config": config,
        "layers": [layer_blob(layer) for layer in layers]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (directory / "index.json").write_bytes(oci.as_json({"schemaVersion": 2,
                                                        "manifests": [manifest]}))


def image_config(layers):
    return {
        "architecture": run("dpkg", "--print-architecture").strip(), "os": "linux",
        "config": {"Cmd": ["/bin/bash"]},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest("tar") for layer in layers]},
        "history": [{"created_by": f"bench/corpus.sh: {layer.name}"} for layer in layers],
    }
