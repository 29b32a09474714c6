// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/laminactl/print_report.h"

#include <cstdio>

#include "unpacker/base/error.h"

namespace lamina {

int print_report(const std::string& text, int status) {
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
        return print_failure(errno_error("write", "standard output").message);
    }
    return status;
}

int print_failure(const std::string& message) {
    (void)std::fprintf(stderr, "laminactl: %s\n", message.c_str());
    return kFailed;
}

} // namespace lamina
