# SPDX-License-Identifier: Apache-2.0
"""Who comes when."""


def rotated(contenders, round_number):
    """Another one first in each round: the first pays for memory that the roofline gave back."""
    first = round_number % max(len(contenders), 1)
    return contenders[first:] + contenders[:first]
