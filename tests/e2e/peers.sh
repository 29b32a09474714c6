#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Fetches the programs that lamina is tested with into a cache outside the checkout and prints
# that folder's name on the last line. What is there already is not fetched again. Nothing is
# installed into the system, so no package starts a service.
#
#   peers/containerd-1.7/bin   Debian 13's package: the first long-lived line with Apply by proxy
#   peers/containerd-1.6/bin   Debian 12's package: snapshots only
#   peers/containerd-2.3/bin   built by `go install` at the version pinned below
#   peers/registry/bin         docker-registry of Debian 12
#   peers/buildkit/bin         buildkitd and buildctl, built at the version pinned below
#   peers/cri-api              Kubernetes' api.proto of its runtime interface, version pinned below
#   peers/image-spec/schema    JSON schemas of the OCI image specification, version pinned below
#   peers/go/bin               only where the machine has no usable Go
#   peers/docker-squash/bin    a virtual environment with the versions pinned below, from PyPI; for
#                              bench/squash.sh, made only when asked for
set -euo pipefail
shopt -s inherit_errexit # or a failure within $(...) goes on with what it left half made

readonly containerd_2_3=v2.3.4
readonly containerd_2_3_programs=(containerd ctr containerd-shim-runc-v2)
readonly buildkit=v0.32.2
readonly cri_api=v0.36.3
readonly image_spec=v1.1.1
readonly docker_squash=(
    docker-squash==1.2.2 docker==7.2.0 packaging==26.3 requests==2.34.2 urllib3==2.8.0
    idna==3.20 certifi==2026.10.18 charset-normalizer==3.5.2
)
readonly old_suite=bookworm
readonly new_suite=trixie
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg

cache=${LAMINA_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/lamina}
readonly cache
readonly peers=$cache/peers

say() { echo "peers: $*" >&2; }

die() {
    say "$*"
    exit 1
}

# The mirror this machine uses already, asked from apt so that every notation of its sources works.
# They may name the suite ("stable", "oldstable") instead of its codename, which apt then knows
# from its lists.
debian_mirror() {
    # shellcheck disable=SC2016 # apt fills these in, not the shell
    apt-get indextargets --format '$(RELEASE) $(CODENAME) $(REPO_URI)' \
        'Created-By: Packages' |
        awk -v suite="$old_suite" '!found && ($1 == suite || $2 == suite) {
            print $NF
            found = 1
        }' # not `exit`: apt-get would die of SIGPIPE
}

# suite_apt PROGRAM ARG...: apt for the newer Debian alone, with lists and caches of its own.
suite_apt() {
    local program=$1
    shift
    local state=$cache/apt
    mkdir -p "$state"/{lists/partial,cache/archives/partial}
    touch "$state/status"
    "$program" \
        -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State="$state" -o Dir::State::status="$state/status" \
        -o Dir::Cache="$state/cache" -o APT::Sandbox::User=root \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}

# apt checks the suite's signature against Debian's keyring: without trixie's key there it stops.
read_new_suite() {
    local mirror
    mirror=$(debian_mirror)
    if [[ -z $mirror ]]; then # a machine that never read its lists, such as a fresh container
        apt-get -q update >&2
        mirror=$(debian_mirror)
    fi
    [[ -n $mirror ]] || die "no Debian mirror for $old_suite is configured in apt"
    [[ -r $keyring ]] || die "$keyring is missing: apt-get install debian-archive-keyring"
    mkdir -p "$cache/apt"
    echo "deb [signed-by=$keyring] $mirror $new_suite main" >"$cache/apt/sources.list"
    suite_apt apt-get -q update >&2 ||
        die "cannot read $new_suite; if its key is missing, upgrade debian-archive-keyring"
}

# The machine's own lists may be missing or too old to name a file that is still there.
system_download() {
    local download=(apt-get -q -o APT::Sandbox::User=root download "$@")
    "${download[@]}" >&2 || { apt-get -q update >&2 && "${download[@]}" >&2; }
}

# download_and_unpack APT DIR PACKAGE...: packages of one suite, unpacked below DIR.
download_and_unpack() {
    local apt=$1 dir=$2
    shift 2
    mkdir -p "$dir/debs"
    if [[ $apt == new ]]; then
        (cd "$dir/debs" && suite_apt apt-get -q download "$@" >&2)
    else
        (cd "$dir/debs" && system_download "$@")
    fi
    local deb
    for deb in "$dir"/debs/*.deb; do
        dpkg-deb -x "$deb" "$dir"
    done
    rm -r "$dir/debs"
}

make_containerd_1_7() {
    read_new_suite
    download_and_unpack new "$1" 'containerd=1.7.24*'
    ln -s usr/bin "$1/bin"
}

make_containerd_1_6() {
    download_and_unpack old "$1" 'containerd=1.6.20*'
    ln -s usr/bin "$1/bin"
}

make_registry() {
    download_and_unpack old "$1" docker-registry
    ln -s usr/bin "$1/bin"
}

# Debian 12's own Go is older than the first one that can fetch newer toolchains (1.21).
go_usable() {
    local version
    version=$("$1" env GOVERSION 2>/dev/null) || return 1
    dpkg --compare-versions "${version#go}" ge 1.21
}

make_go() {
    read_new_suite
    download_and_unpack new "$1" golang-1.24-go golang-1.24-src
    ln -s usr/lib/go-1.24/bin "$1/bin"
}

find_go() {
    if type -P go >/dev/null && go_usable "$(type -P go)"; then
        type -P go
    else
        provide go # on a line of its own: before && nothing in it would end at an error
        echo "$peers/go/bin/go"
    fi
}

make_containerd_2_3() {
    local compiler module=github.com/containerd/containerd/v2
    local programs=("${containerd_2_3_programs[@]/#/$module/cmd/}")
    compiler=$(find_go)
    mkdir -p "$1/bin"
    # Debian's Go does not fetch a newer toolchain by itself, which containerd may ask for.
    CGO_ENABLED=0 GOTOOLCHAIN=auto GOBIN=$1/bin "$compiler" install \
        -ldflags "-s -w -X $module/version.Version=$containerd_2_3" \
        "${programs[@]/%/@$containerd_2_3}" 2>&1 |
        sed 's/^/peers: /' >&2
}

# module_dir MODULE@VERSION: where its files are, after go verified their checksum.
module_dir() {
    local compiler
    compiler=$(find_go)
    "$compiler" mod download -json "$1" | sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p'
}

# In the module's own folder, because its go.mod excludes versions, which `go install` of a module
# from elsewhere refuses to obey.
make_buildkit() {
    local compiler module
    compiler=$(find_go)
    module=$(module_dir "github.com/moby/buildkit@$buildkit")
    mkdir "$1/bin"
    (cd "$module" && CGO_ENABLED=0 GOTOOLCHAIN=auto GOBIN=$1/bin "$compiler" install \
        -ldflags "-s -w -X github.com/moby/buildkit/version.Version=$buildkit" \
        ./cmd/buildkitd ./cmd/buildctl 2>&1) | sed 's/^/peers: /' >&2
}

# Debian 12's protoc does not know the option, which is about what is printed.
make_cri_api() {
    local module
    module=$(module_dir "k8s.io/cri-api@$cri_api")
    sed 's/ \[debug_redact = true\]//' "$module/pkg/apis/runtime/v1/api.proto" >"$1/api.proto"
}

make_image_spec() {
    local module
    module=$(module_dir "github.com/opencontainers/image-spec@$image_spec")
    mkdir "$1/schema"
    cp "$module"/schema/*.json "$1/schema"
}

# Called by the interpreter's name, so that it does not matter that the folder is renamed.
make_docker_squash() {
    /usr/bin/python3 -m venv "$1"
    "$1/bin/python" -m pip install --quiet --no-deps "${docker_squash[@]}" >&2
}

# provide NAME: makes peers/NAME by calling make_NAME with a folder to fill, and publishes it
# by rename, so that an interrupted run leaves nothing half made behind.
provide() {
    local name=$1 function=make_${1//[-.]/_}
    [[ ! -d $peers/$name ]] || return 0
    say "making $name"
    rm -rf "$peers/.$name"
    mkdir -p "$peers/.$name"
    "$function" "$peers/.$name"
    mv "$peers/.$name" "$peers/$name"
}

main() {
    mkdir -p "$peers"
    exec 9>"$cache/lock"
    flock 9
    (($#)) || set -- containerd-2.3 containerd-1.7 containerd-1.6 registry image-spec buildkit \
        cri-api
    local name
    for name in "$@"; do
        provide "$name"
    done
    echo "$peers"
}

main "$@"
