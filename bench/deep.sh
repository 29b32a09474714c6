#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sudo bench/deep.sh [--quick] ...: what many layers cost a container, and one tree of them.
exec python3 "$(dirname "$0")/deep.py" "$@"
