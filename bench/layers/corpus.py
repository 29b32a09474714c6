# SPDX-License-Identifier: Apache-2.0
"""The corpus on disk: a file per layer and form, what is known of it, and an image of each kind."""
import hashlib
import json
import sys
import tarfile

from layers import real, slices, synthetic
from layers.forms import FORMS
from layers.layout import write_layout
from lib.cache import cache_dir, published

# Compression by OCI's name: the form that it is in the corpus.
COMPRESSIONS = {"gzip": "tar.gz", "zstd": "tar.zst"}

IMAGES = ["image", "slices"]


def default_directory(quick):
    return cache_dir() / ("corpus-quick" if quick else "corpus")


def say(text):
    print(f"corpus: {text}", file=sys.stderr, flush=True)


class LayerFile:
    """One layer in all its forms: <name>.tar, <name>.tar.gz, ..., and <name>.json about them."""

    def __init__(self, directory, name, forms=tuple(FORMS)):
        self.name, self._directory, self._forms = name, directory, ("tar", *forms)

    def path(self, form):
        return self._directory / f"{self.name}.{form}"

    @property
    def facts(self):
        return json.loads(self.path("json").read_text())

    def digest(self, form):
        return self.facts["digests"][form]

    def make(self, write):
        """`write` gets a path to write the tar to. Every file appears under its name complete."""
        for form in self._forms:
            if not self.path(form).exists():
                say(f"making {self.name}.{form}")
                self._make_form(form, write)
        if not self.path("json").exists():
            self._publish("json", lambda path: path.write_text(json.dumps(self._count(), indent=1)))

    def _make_form(self, form, write):
        if form == "tar":
            self._publish(form, write)
            return

        def compress(path):
            with open(path, "wb") as out:
                FORMS[form](self.path("tar"), out)
        self._publish(form, compress)

    def _publish(self, form, write):
        unfinished = self._directory / f".{self.name}.{form}.unfinished"
        write(unfinished)
        unfinished.rename(self.path(form))

    def _count(self):
        entries = overlay = 0
        with tarfile.open(self.path("tar"), "r|") as tar:
            for info in tar:
                entries += 1
                overlay += info.name.rpartition("/")[2].startswith(".wh.")
        return {"name": self.name, "entries": entries, "whiteouts": overlay,
                "bytes": self.path("tar").stat().st_size,
                "digests": {form: file_digest(self.path(form)) for form in self._forms}}


def file_digest(path):
    with open(path, "rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


class Image:
    """Layers, base first, and an OCI image layout of them in each compression."""

    def __init__(self, directory, name, layers):
        self.directory, self.name, self.layers = directory, name, layers

    def layout(self, compression):
        return self.directory / f"{self.name}-{compression}"

    def make_layouts(self):
        for compression, form in COMPRESSIONS.items():
            if not self.layout(compression).exists():
                with published(self.layout(compression)) as unfinished:
                    write_layout(unfinished, self.layers, form, compression)


class Corpus:
    def __init__(self, directory, quick):
        self.directory, self.quick = directory, quick

    def image_layers(self):
        """Base first."""
        names = ["xattrs", "deep", "small-files"] if self.quick else list(real.LAYERS)
        return [self.layer(name) for name in names]

    def layer(self, name):
        return LayerFile(self.directory, name)

    def image(self, name):
        """"image" is of the real layers, "slices" of one that was cut into many."""
        layers = self.image_layers() if name == "image" else self._slices()
        return Image(self.directory, name, layers)

    def _slices(self):
        return [LayerFile(self.directory / "slices", f"slice-{number:02}",
                          tuple(COMPRESSIONS.values())) for number in range(slices.COUNT)]

    def make_image(self, name):
        """`make()` made what it consists of."""
        if name == "slices":
            (self.directory / "slices").mkdir(exist_ok=True)
            whole = self.layer("small-files" if self.quick else "npm").path("tar")
            writers = slices.writers(whole)
            for layer, write in zip(self._slices(), writers):
                layer.make(write)
        self.image(name).make_layouts()

    def make(self, shapes=()):
        """The real layers, the image of them, and the synthetic layers of these names."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for shape in synthetic.SHAPES if self.quick else shapes:
            self.layer(shape).make(self._synthetic_writer(shape))
        if not self.quick:
            for layer in self.image_layers():
                layer.make(real.LAYERS[layer.name])
        self.image("image").make_layouts()

    def _synthetic_writer(self, shape):
        return lambda path: synthetic.write_standard_layer(path, shape, self.quick)
