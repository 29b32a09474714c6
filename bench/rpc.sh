#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sudo bench/rpc.sh [--quick] ...: latency and rate of the snapshot calls.
exec python3 "$(dirname "$0")/rpc.py" "$@"
