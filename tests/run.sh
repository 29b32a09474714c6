#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sudo tests/run.sh [--fast] [CTEST-ARGUMENT...]
#
# Installs packages, builds and runs all tests; then those labelled unit, root and conformance again
# under the sanitizers. --fast leaves the sanitizers out and kills the daemon only a few times. Further
# arguments go to each ctest, as in `tests/run.sh --fast -R Overlay`.
#
# The last line is "N passed, N failed, N skipped" over all runs. The exit code is not 0 when a
# test failed, or was skipped although CI=true promises a machine that can run everything.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Without it what UndefinedBehaviorSanitizer reports is printed, and the test passes.
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# test_preset PRESET CTEST-ARGUMENT...: builds; ctest's verdict is left to totals.py.
test_preset() {
    local preset=$1
    shift
    echo "==> $preset"
    [[ -f build/$preset/build.ninja ]] || cmake --preset "$preset"
    cmake --build --preset "$preset"
    ctest --test-dir "build/$preset" --output-on-failure --output-junit results.xml \
        --parallel "$(nproc)" "$@" || true
}

main() {
    local presets=(dev asan tsan)
    if [[ ${1:-} == --fast ]]; then
        presets=(dev)
        export LAMINA_E2E_KILLS=5
        shift
    fi
    rm -f build/*/results.xml
    tests/install-packages.sh
    local preset results=()
    for preset in "${presets[@]}"; do
        case $preset in
        dev) test_preset dev "$@" ;;
        *) test_preset "$preset" --label-regex '^(unit|root|conformance)$' "$@" ;;
        esac
        results+=("build/$preset/results.xml")
    done
    /usr/bin/python3 tests/totals.py "${results[@]}"
}

main "$@"
