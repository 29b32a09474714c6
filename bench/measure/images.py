# SPDX-License-Identifier: Apache-2.0
"""Whole images by real containerds."""
from layers.corpus import COMPRESSIONS
from lib.registry import Registry
from measure.filesystem import warm
from measure.image_contenders import CONTENDERS, PULL_CONTENDERS, ImageRun
from measure.seed import Seed
from measure.turns import rotated


class Images:
    """`fetch`: from the registry into an empty content store, without a roofline: it fetches
    nothing."""

    def __init__(self, bench, fetch=False):
        self._bench, self._fetch = bench, fetch
        self._contenders = bench.wanted(PULL_CONTENDERS if fetch else CONTENDERS)
        self._images = [bench.corpus.image(name) for name in bench.options.images]

    def run(self):
        storage = self._bench.directory / ("registry-of-pulls" if self._fetch else "registry")
        with Registry(storage) as registry:
            seeds = [(image, self._seed(image, registry)) for image in self._images]
            for round_number in range(self._bench.options.runs):
                for image, seed in seeds:
                    for compression, form in COMPRESSIONS.items():
                        if form in self._bench.options.forms:
                            self._measure_form(image, seed, compression, form, storage,
                                               rotated(self._contenders, round_number))

    def _seed(self, image, registry):
        seed = Seed(image, registry)
        if not self._fetch:
            versions = {contender.version for contender in CONTENDERS}
            seed.make(versions, self._bench.directory)
        return seed

    def _measure_form(self, image, seed, compression, form, storage, contenders):
        if not self._fetch:
            self._bench.measure_roofline("image", image.name, image.layers, form)
        for contender in contenders:
            if contender.applies_to(compression, image):
                blobs = storage.glob("**/blobs/**/data") if self._fetch else seed.blobs()
                self._measure(contender, image, seed, compression, form, blobs)

    def _measure(self, contender, image, seed, compression, form, blobs):
        for blob in blobs:
            warm(blob)
        run = ImageRun(contender, seed, self._bench.programs["daemon"], self._fetch)
        with self._bench.fresh() as mount_point:
            cost, more = run.run(compression, mount_point)
        self._bench.results.add("pull" if self._fetch else "image", image.name, form,
                                contender.title(compression), cost, **more)
