# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks unpack: real layers, synthetic ones, and images of them."""
