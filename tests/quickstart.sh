#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sudo tests/quickstart.sh [--image REFERENCE]
#
# Shows lamina at work on a Debian 12 machine where nothing is set up: installs packages, builds,
# and pulls and runs an image with a containerd of its own, under private folders and on a private
# network. Everything it starts is stopped again, also after an error and after ctrl-C. What it
# built and fetched stays, so that the next run is quick.
#
# Without --image it makes an image of six layers from Debian packages; REFERENCE is anything that
# `skopeo copy docker://REFERENCE` reads.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly daemon=build/release/snapshotter/daemon/containerd-lamina-grpc

usage() { sed -n '4,13s/^# \{0,1\}//p' tests/quickstart.sh; }

# step NAME COMMAND...: runs it and says how long it took.
step() {
    local name=$1 start=$EPOCHREALTIME
    shift
    echo "==> $name"
    "$@"
    awk -v name="$name" -v from="$start" -v to="$EPOCHREALTIME" \
        'BEGIN { printf "    %s took %.1f s\n", name, to - from }'
}

build() {
    [[ -f build/release/build.ninja ]] || cmake --preset release
    cmake --build --preset release --target containerd-lamina-grpc
}

get_peers() { tests/e2e/peers.sh containerd-2.3 registry >/dev/null; }

main() {
    local image=()
    while (($#)); do
        case $1 in
        --image)
            image=(--image "${2:?--image needs a reference}")
            shift 2
            ;;
        --help)
            usage
            exit
            ;;
        *)
            usage >&2
            exit 2
            ;;
        esac
    done
    ((EUID == 0)) || {
        echo "quickstart: mounts and containers need root" >&2
        exit 1
    }
    step "installing packages" tests/install-packages.sh
    step "building" build
    step "getting containerd and a registry" get_peers
    /usr/bin/python3 tests/e2e/quickstart.py --daemon "$daemon" "${image[@]}"
}

main "$@"
