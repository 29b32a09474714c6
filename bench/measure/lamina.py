# SPDX-License-Identifier: Apache-2.0
"""The daemon of the tests, with its process id and a limit of its own."""
from lib.lamina import Lamina


class MeasuredLamina(Lamina):
    """`unpacks` is how many layers it may unpack at the same time (unpack.max_concurrent); `squash`
    are the keys of [squash]."""

    def __init__(self, program, directory, containerd, lookahead="auto", unpacks=4, squash=None):
        super().__init__(program, directory, containerd, lookahead, squash=squash)
        with open(self._config, "a", encoding="utf-8") as config:  # ends within [unpack]
            config.write(f"max_concurrent = {unpacks}\n")

    @property
    def pid(self):
        return self._process.pid
