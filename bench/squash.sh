#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sudo bench/squash.sh [--quick] ...: laminactl squash beside docker-squash, on one docker-save tar.
exec python3 "$(dirname "$0")/squash.py" "$@"
