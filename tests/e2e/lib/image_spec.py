# SPDX-License-Identifier: Apache-2.0
"""Whether an image layout is what the OCI image specification says.

Its JSON schemas (schema/ of the specification, fetched by peers.sh) check each document; what they
cannot say is checked here, with the file of the specification that says it.
"""
import datetime
import gzip
import hashlib
import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

from lib.cache import cache_dir
from lib.prerequisites import Missing, require_file

MEDIA = "application/vnd.oci.image"
INDEX, MANIFEST, CONFIG = (f"{MEDIA}.{kind}.v1+json" for kind in ("index", "manifest", "config"))

# media-types.md: layers by what gives their tar.
LAYERS = {
    f"{MEDIA}.layer.v1.tar": Path.read_bytes,
    f"{MEDIA}.layer.v1.tar+gzip": lambda path: gzip.decompress(path.read_bytes()),
    f"{MEDIA}.layer.v1.tar+zstd": lambda path: subprocess.run(
        ["zstd", "-dcq", path], capture_output=True, check=True).stdout,
}

SCHEMAS = {"layout": "image-layout-schema.json", "descriptor": "content-descriptor.json",
           INDEX: "image-index-schema.json", MANIFEST: "image-manifest-schema.json",
           CONFIG: "config-schema.json"}


def expect_valid(layout):
    wrong = LayoutCheck(layout).problems()
    assert not wrong, "\n".join([f"{layout} is no image layout", *wrong])


class LayoutCheck:
    """Of one layout; every blob that its index leads to is read."""

    def __init__(self, layout):
        self._layout, self._wrong = layout, []

    def problems(self):
        """Lines, none for a layout without any."""
        self._schema("oci-layout", "layout", self._parse(self._layout / "oci-layout"))
        self._index("index.json", self._parse(self._layout / "index.json"))
        for blob in (self._layout / "blobs").glob("*/*"):
            self._must(blob.name == hashlib.new(blob.parent.name, blob.read_bytes()).hexdigest(),
                       f"image-layout.md: {blob.name} has other content than its name says")
        return self._wrong

    def _must(self, holds, problem):
        if not holds:
            self._wrong.append(problem)

    def _parse(self, path):
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=self._object)

    def _object(self, pairs):
        """annotations.md: keys are unique; RFC 8259 wants no less of any object."""
        self._must(len(dict(pairs)) == len(pairs), f"a key comes twice: {[k for k, _ in pairs]}")
        return dict(pairs)

    def _schema(self, name, kind, document):
        self._wrong += [f"{SCHEMAS[kind]}: {name}: {error.json_path}: {error.message}"
                        for error in validator(SCHEMAS[kind]).iter_errors(document)]

    def _index(self, name, index):
        self._schema(name, INDEX, index)
        self._must(index.get("mediaType", INDEX) == INDEX, f"image-index.md: mediaType of {name}")
        for descriptor in index.get("manifests", ()):
            self._document(descriptor, {INDEX: self._index, MANIFEST: self._manifest})

    def _document(self, descriptor, checks):
        """A blob of JSON, checked by its media type. What other types say is unknown here."""
        if self._blob(descriptor) and descriptor["mediaType"] in checks:
            path = self._path(descriptor)
            checks[descriptor["mediaType"]](descriptor["digest"], self._parse(path))

    def _path(self, descriptor):
        return self._layout / "blobs" / descriptor["digest"].replace(":", "/")

    def _blob(self, descriptor):
        """False where it is not there to be looked at. What it contains is checked by its name."""
        self._schema("descriptor", "descriptor", descriptor)
        digest = descriptor.get("digest", "")
        if not re.fullmatch("sha256:[a-f0-9]{64}", digest):
            self._must(False, f"descriptor.md: digest {digest!r}")
            return False
        path = self._path(descriptor)
        self._must(path.is_file(), f"image-layout.md: no blob {digest}")
        size = path.stat().st_size if path.is_file() else None
        self._must(size == descriptor.get("size"), f"descriptor.md: size of {digest}")
        return size is not None

    def _manifest(self, name, manifest):
        self._schema(name, MANIFEST, manifest)
        self._must(manifest.get("mediaType", MANIFEST) == MANIFEST,
                   f"manifest.md: mediaType of {name}")
        layers = manifest.get("layers", ())
        diff_ids = [self._layer(layer) for layer in layers if self._blob(layer)]
        self._document(manifest.get("config", {}),
                       {CONFIG: lambda name, config: self._config(name, config, diff_ids)})

    def _layer(self, descriptor):
        """Returns its diff ID, None if it cannot be read."""
        if descriptor["mediaType"] not in LAYERS:
            self._must(False, f"media-types.md: {descriptor['mediaType']} of a layer")
            return None
        data = LAYERS[descriptor["mediaType"]](self._path(descriptor))
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            names = tar.getnames()
        self._must(len(set(names)) == len(names),
                   f"layer.md: {descriptor['digest']} has an entry twice")
        return "sha256:" + hashlib.sha256(data).hexdigest()

    def _config(self, name, config, diff_ids):
        self._schema(name, CONFIG, config)
        self._must(config.get("rootfs", {}).get("diff_ids") == diff_ids,
                   f"config.md: diff_ids of {name} are not those of the layers")
        rows = config.get("history", ())
        made = [row for row in rows if not row.get("empty_layer")]
        self._must(not rows or len(made) == len(diff_ids),
                   f"config.md: {name} has {len(made)} rows with a layer for {len(diff_ids)}")
        for moment in [part["created"] for part in (config, *rows) if "created" in part]:
            self._must(is_rfc_3339(moment), f"config.md: {name} was created at {moment!r}")
        for variable in config.get("config", {}).get("Env", ()):
            self._must(re.match("[^=]+=", variable), f"config.md: {name} has Env {variable!r}")


def validator(file):
    """References within the schemas lead to files side by side, whatever the folder of the URL."""
    try:
        import jsonschema
    except ImportError:
        raise Missing("jsonschema: tests/install-packages.sh installs it") from None
    schema = read_schema(file)
    resolver = jsonschema.RefResolver(schema["id"], schema, handlers={
        "https": lambda url: read_schema(url.rpartition("/")[2])})
    return jsonschema.Draft4Validator(schema, resolver=resolver)


def read_schema(file):
    path = cache_dir() / "peers" / "image-spec" / "schema" / file
    return json.loads(require_file(path, "tests/e2e/peers.sh fetches it").read_text())


def is_rfc_3339(text):
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text):
        return False
    try:
        datetime.datetime.fromisoformat(text[:19])
        return True
    except ValueError:
        return False
