#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sudo bench/compare.sh [--quick] ...: lamina beside everything else that unpacks layers.
exec python3 "$(dirname "$0")/compare.py" "$@"
