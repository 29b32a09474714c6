# SPDX-License-Identifier: Apache-2.0
"""What is run, in which order: contenders alternate, so that a slow minute hits all of them."""
from measure import sweeps
from measure.engines import Engines
from measure.filesystem import fresh_filesystem, warm
from measure.images import Images
from measure.layer_contenders import Lamina, PipeToTar, layer_contenders
from measure.roofline import Roofline
from measure.turns import rotated


def programs(build):
    return {"laminactl": build / "snapshotter" / "laminactl" / "laminactl",
            "daemon": build / "snapshotter" / "daemon" / "containerd-lamina-grpc",
            "roofline": build / "bench" / "roofline" / "roofline"}


class Bench:
    """What every part needs."""

    def __init__(self, options, corpus, results):
        self.options, self.corpus, self.results = options, corpus, results
        self.programs = programs(options.build)
        self.directory = options.inside
        self._roofline = Roofline(self.programs["roofline"], self.fresh)

    def wanted(self, contenders):
        names = self.options.contenders
        return [contender for contender in contenders if not names or contender.name in names]

    def fresh(self, kind=None):
        gigabytes = 4 if self.options.quick else 16
        return fresh_filesystem(kind or self.options.filesystem, self.directory, gigabytes)

    def measure_layer(self, kind, layer, form, contender, **more):
        warm(layer.path(form))
        with self.fresh() as mount_point:
            target = mount_point / "target"
            target.mkdir()
            cost = contender.run(layer, form, target)
        self.results.add(kind, layer.name, form, contender.name, cost,
                         bytes=layer.facts["bytes"], **more)

    def measure_roofline(self, kind, subject, layers, form):
        for layer in layers:
            warm(layer.path(form))
            warm(layer.path("tar"))
        cost, stages = self._roofline.run(layers, form)
        self.results.add(kind, subject, form, self._roofline.name, cost, stages=stages)


def measure_layers(bench):
    options = bench.options
    layers = bench.corpus.image_layers()
    if options.layers:
        layers = [bench.corpus.layer(name) for name in options.layers]
    contenders = bench.wanted(layer_contenders(bench.programs["laminactl"]))
    for round_number in range(options.runs):
        for layer in layers:
            for form in options.forms:
                bench.measure_roofline("layer", layer.name, [layer], form)
                for contender in rotated(contenders, round_number):
                    bench.measure_layer("layer", layer, form, contender)


def measure_sweeps(bench):
    """By one engine: small layers would show what the probe of `auto` costs, which a daemon pays
    once."""
    laminactl, quick = bench.programs["laminactl"], bench.options.quick
    for _ in range(bench.options.runs):
        for kind, value, layer in sweeps.shapes(bench.corpus, quick):
            for contender in (Lamina(laminactl, "threads"), PipeToTar()):
                bench.measure_layer(kind, layer, "tar.gz", contender, x=value)
        layer = sweeps.layer_of_writers(bench.corpus, quick)
        for engine in ("threads", "io_uring"):
            for writers in sweeps.WRITERS:
                bench.measure_layer("sweep-writers", layer, "tar.gz",
                                    Lamina(laminactl, engine, writers), x=writers)


# Part: what it does with a Bench.
PARTS = {
    "layers": measure_layers,
    "image": lambda bench: Images(bench).run(),
    "pull": lambda bench: Images(bench, fetch=True).run(),
    "sweeps": measure_sweeps,
    "engines": lambda bench: Engines(bench).run(),
}
