# SPDX-License-Identifier: Apache-2.0
"""Checks that say what they saw."""


def equal(what, actual, expected):
    assert actual == expected, f"{what}: {actual!r}, expected {expected!r}"


def contains(what, text, part):
    assert part in text, f"{what}: no {part!r} in {text!r}"


def close(what, actual, expected, percent):
    assert abs(actual - expected) <= expected * percent / 100, (
        f"{what}: {actual}, not within {percent} % of {expected}")
