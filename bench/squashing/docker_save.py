# SPDX-License-Identifier: Apache-2.0
"""Writes an OCI layout as the tar that `docker save` makes of it since Docker 25: layers plain."""
import gzip
import hashlib
import io
import json
import shutil
import tarfile
import tempfile

MEDIA = "application/vnd.oci.image"


def docker_save(layout, path, tag):
    """Returns the number of layers."""
    blobs = layout / "blobs"
    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads(blob_at(blobs, index["manifests"][0]["digest"]).read_bytes())
    config_bytes = blob_at(blobs, manifest["config"]["digest"]).read_bytes()
    config = json.loads(config_bytes)
    if not config.get("history"):
        config["history"] = [{"created_by": "bench"} for _ in manifest["layers"]]
    config.setdefault("config", {})
    with tarfile.open(path, "w") as out:
        layers = [add_layer(out, blob_at(blobs, layer["digest"]), diff_id) for layer, diff_id
                  in zip(manifest["layers"], config["rootfs"]["diff_ids"])]
        config_descriptor = add_document(out, f"{MEDIA}.config.v1+json", config)
        descriptor = add_document(out, f"{MEDIA}.manifest.v1+json", {
            "schemaVersion": 2, "mediaType": f"{MEDIA}.manifest.v1+json",
            "config": config_descriptor, "layers": layers})
        add_file(out, "index.json", {"schemaVersion": 2, "manifests": [descriptor]})
        add_file(out, "oci-layout", {"imageLayoutVersion": "1.0.0"})
        add_file(out, "manifest.json", [{
            "Config": name_of(config_descriptor["digest"]), "RepoTags": [tag],
            "Layers": [name_of(layer["digest"]) for layer in layers]}])
    return len(layers)


def blob_at(blobs, digest):
    return blobs / digest.replace(":", "/")


def name_of(digest):
    return "blobs/" + digest.replace(":", "/")


def add_layer(out, blob, diff_id):
    with tempfile.TemporaryFile(dir=blob_scratch(out)) as plain:
        with gzip.open(blob) as packed:
            shutil.copyfileobj(packed, plain, 1 << 20)
        size = plain.tell()
        plain.seek(0)
        add(out, name_of(diff_id), size, plain)
    return {"mediaType": f"{MEDIA}.layer.v1.tar", "digest": diff_id, "size": size}


def blob_scratch(out):
    return out.name.rsplit("/", 1)[0]


def add_document(out, media_type, value):
    data = json.dumps(value).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    add(out, name_of(digest), len(data), io.BytesIO(data))
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def add_file(out, name, value):
    data = json.dumps(value).encode()
    add(out, name, len(data), io.BytesIO(data))


def add(out, name, size, file):
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    out.addfile(member, file)
