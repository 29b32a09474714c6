# SPDX-License-Identifier: Apache-2.0
"""Runs the contenders on fresh filesystems and writes down what they cost."""
