# SPDX-License-Identifier: Apache-2.0
"""Images made row by row of their history, as from a Dockerfile."""
import contextlib

from lib import debs, oci
from lib.layer import Layer
from lib.process import run


class Build:
    """`base` is another Build, whose rows and layers come first (FROM)."""

    def __init__(self, directory, base=None):
        directory.mkdir(parents=True)
        self._directory = directory
        self.tars = list(base.tars) if base else []
        self._history = list(base._history) if base else []

    @contextlib.contextmanager
    def layer(self, created_by):
        """Yields the Layer to fill."""
        tar = self._directory / f"{len(self._history)}.tar"
        out = Layer(tar)
        yield out
        out.close()
        self.tars.append(tar)
        self._history.append({"created_by": created_by})

    def row(self, created_by):
        """One that makes no layer."""
        self._history.append({"created_by": created_by, "empty_layer": True})

    def write(self, blobs, **platform):
        """Returns the image's descriptor. It is for this machine unless another is given."""
        platform = platform or {"architecture": run("dpkg", "--print-architecture").strip()}
        return blobs.image(self.tars, oci.image_config(self.tars, platform, self._history))


def write_images(layout, builds, compression="gzip"):
    """A layout of several images, `builds` by their names."""
    blobs = oci.Blobs(layout, compression)
    oci.finish_layout(layout, [{**build.write(blobs), "annotations": {oci.REF_NAME: name}}
                               for name, build in builds.items()])


def dpkg_status(out, packages):
    """The file that each `RUN apt-get install` writes anew."""
    out.file("var/lib/dpkg/status", b"".join(map(debs.control, packages)))
