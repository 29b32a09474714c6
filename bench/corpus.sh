#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench/corpus.sh [--quick] [--dir DIR]: makes the layers and images that the benchmarks unpack.
exec python3 "$(dirname "$0")/corpus.py" "$@"
