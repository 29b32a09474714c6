# SPDX-License-Identifier: Apache-2.0
"""How a function becomes a case: `@case("1.7", "2.3")` makes one per version of containerd."""
import importlib
from pathlib import Path

_cases = {}


def case(*versions):
    def register(function):
        for version in versions:
            _cases[f"{function.__name__}/containerd-{version}"] = (function, version)
        return function
    return register


def all_cases():
    """{name: (function, version)} of everything in the folder cases."""
    for module in sorted(Path(__file__).parent.parent.glob("cases/*.py")):
        importlib.import_module(f"cases.{module.stem}")
    return _cases
