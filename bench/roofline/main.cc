// SPDX-License-Identifier: Apache-2.0
// roofline DIR THREADS WORKS TAR BLOB [TAR BLOB ...]: the least that unpacking these layers can
// cost on this machine. WORKS are some of decode,hash,create: the blobs are decoded, the tars
// hashed and their files made in DIR, all at once, and the seconds are printed as JSON. The works
// share nothing, none waits for another one.

#include <cstdio>

#include "bench/roofline/run.h"

int main(int argc, char** argv) {
    const auto report = lamina::bench::run_roofline({argv + 1, argv + argc});
    if (!report) {
        (void)std::fprintf(stderr, "roofline: %s\n", report.error().message.c_str());
        return 1;
    }
    (void)std::puts(report->c_str());
    return 0;
}
