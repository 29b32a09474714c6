# SPDX-License-Identifier: Apache-2.0
"""The daemon of the tests, with its process id and a limit of its own."""
from lib.lamina import Lamina


class MeasuredLamina(Lamina):
    """`unpacks` is how many layers it may unpack at the same time (unpack.max_concurrent); `squash`
    the lines of the configuration's part [squash]."""

    def __init__(self, program, directory, containerd, lookahead="auto", unpacks=4, squash=""):
        super().__init__(program, directory, containerd, lookahead,
                         more=f"max_concurrent = {unpacks}\n[squash]\n{squash}\n")

    @property
    def pid(self):
        return self._process.pid
