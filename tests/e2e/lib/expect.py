# SPDX-License-Identifier: Apache-2.0
"""Checks that say what they saw."""


def equal(what, actual, expected):
    assert actual == expected, f"{what}: {actual!r}, expected {expected!r}"


def contains(what, text, part):
    assert part in text, f"{what}: no {part!r} in {text!r}"
