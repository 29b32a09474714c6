#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sudo tests/install-packages.sh: everything from Debian 12 that building and testing needs.
# Does nothing, without the network, where all of it is there. No package here starts a service.
set -euo pipefail

readonly build=(
    g++ cmake ninja-build ccache pkg-config
    libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
    libbenchmark-dev libcli11-dev libexpected-dev libfmt-dev libgtest-dev libgmock-dev
    libarchive-dev libdeflate-dev libisal-dev libmount-dev librapidcheck-dev liburing-dev
    libspdlog-dev libsqlite3-dev libssl-dev libtomlplusplus-dev libzstd-dev nlohmann-json3-dev
    prometheus-cpp-dev
)
readonly test=(
    attr btrfs-progs ca-certificates clang-format-19 debian-archive-keyring isal libarchive-tools
    pigz python3 python3-grpcio python3-jsonschema python3-protobuf python3-venv runc shellcheck
    skopeo strace util-linux xfsprogs zstd
)

# Names a package only when dpkg does not call it fully installed.
missing() {
    local package
    for package in "${build[@]}" "${test[@]}"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            echo "$package"
    done
}

main() {
    local packages
    mapfile -t packages < <(missing)
    if ((${#packages[@]} == 0)); then
        echo "all packages are installed"
        return
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update
    apt-get -q install -y --no-install-recommends "${packages[@]}"
}

main
