# SPDX-License-Identifier: Apache-2.0
"""What is run, in which order: contenders alternate, so that a slow minute hits all of them."""
from layers.corpus import IMAGES
from lib.peers import prepare
from lib.registry import Registry
from measure import sweeps
from measure.filesystem import fresh_filesystem, warm
from measure.image_contenders import CONTENDERS, ImageRun
from measure.layer_contenders import Lamina, PipeToTar, layer_contenders
from measure.roofline import Roofline
from measure.seed import Seed


def programs(build):
    return {"laminactl": build / "snapshotter" / "laminactl" / "laminactl",
            "daemon": build / "snapshotter" / "daemon" / "containerd-lamina-grpc",
            "roofline": build / "bench" / "roofline" / "roofline"}


class Plan:
    def __init__(self, options, corpus, results):
        self._options, self._corpus, self._results = options, corpus, results
        self._programs = programs(options.build)
        self._directory = options.inside
        self._roofline = Roofline(self._programs["roofline"], self._fresh)

    def run(self):
        for part in self._options.only:
            {"layers": self._layers, "image": self._image, "sweeps": self._sweeps}[part]()

    def _wanted(self, contenders):
        names = self._options.contenders
        return [contender for contender in contenders if not names or contender.name in names]

    def _fresh(self):
        gigabytes = 2 if self._options.quick else 16
        return fresh_filesystem(self._options.filesystem, self._directory, gigabytes)

    def _layers(self):
        layers = self._corpus.image_layers()
        if self._options.layers:
            layers = [self._corpus.layer(name) for name in self._options.layers]
        contenders = self._wanted(layer_contenders(self._programs["laminactl"]))
        for _ in range(self._options.runs):
            for layer in layers:
                for form in self._options.forms:
                    self._measure_roofline(layer.name, [layer], form)
                    for contender in contenders:
                        self._measure_layer("layer", layer, form, contender)

    def _measure_layer(self, kind, layer, form, contender, **more):
        warm(layer.path(form))
        with self._fresh() as mount_point:
            target = mount_point / "target"
            target.mkdir()
            cost = contender.run(layer, form, target)
        self._results.add(kind, layer.name, form, contender.name, cost,
                          bytes=layer.facts["bytes"], **more)

    def _measure_roofline(self, subject, layers, form):
        for layer in layers:
            warm(layer.path(form))
            warm(layer.path("tar"))
        cost, stages = self._roofline.run(layers, form)
        self._results.add("layer" if len(layers) == 1 else "image", subject, form,
                          self._roofline.name, cost, stages=stages)

    def _image(self):
        prepare()
        with Registry(self._directory / "registry") as registry:
            seed = Seed(self._corpus, registry)
            seed.make({contender.version for contender in CONTENDERS}, self._directory)
            for _ in range(self._options.runs):
                for compression, form in IMAGES.items():
                    if form in self._options.forms:
                        self._measure_roofline("image", self._corpus.image_layers(), form)
                        self._measure_images(seed, compression, form)

    def _measure_images(self, seed, compression, form):
        for contender in self._wanted(CONTENDERS):
            if contender.applies_to(compression):
                self._measure_image(contender, seed, compression, form)

    def _measure_image(self, contender, seed, compression, form):
        for blob in seed.blobs():
            warm(blob)
        with self._fresh() as mount_point:
            cost = ImageRun(contender, seed, self._programs["daemon"]).run(compression,
                                                                          mount_point)
        self._results.add("image", "image", form, contender.title(compression), cost)

    def _sweeps(self):
        laminactl = self._programs["laminactl"]
        for _ in range(self._options.runs):
            for kind, value, layer in sweeps.shapes(self._corpus, self._options.quick):
                for contender in (Lamina(laminactl, "auto"), PipeToTar()):
                    self._measure_layer(kind, layer, "tar.gz", contender, x=value)
            for engine in ("threads", "io_uring"):
                for writers in sweeps.WRITERS:
                    contender = Lamina(laminactl, engine, writers)
                    layer = self._corpus.layer("small-files" if self._options.quick else "npm")
                    self._measure_layer("sweep-writers", layer, "tar.gz", contender, x=writers)
