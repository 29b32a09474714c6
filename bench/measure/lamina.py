# SPDX-License-Identifier: Apache-2.0
"""The daemon of the tests, with its process id."""
from lib.lamina import Lamina


class MeasuredLamina(Lamina):
    @property
    def pid(self):
        return self._process.pid
