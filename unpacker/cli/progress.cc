// SPDX-License-Identifier: Apache-2.0
#include "unpacker/cli/progress.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

namespace lamina {
namespace {

// To the first column, and erase to the end of the line: ECMA-48, as all terminals know it.
constexpr const char* kEraseLine = "\r\x1b[K";

// One that can erase: "dumb" ones, and those of which nobody says what they are, get lines.
bool is_terminal() {
    const char* kind = std::getenv("TERM");
    return kind != nullptr && std::string_view(kind) != "dumb" && ::isatty(STDERR_FILENO) == 1;
}

// Bytes that fit into one line: what wraps would not be erased.
std::string_view cut(std::string_view line) {
    winsize size{};
    const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return is_known ? line.substr(0, size.ws_col - 1U) : line;
}

void print(const std::string& text) {
    (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

} // namespace

void print_step(const std::string& line) {
    print(is_terminal() ? kEraseLine + std::string(cut(line)) : line + "\n");
}

void print_note(const std::string& line) {
    print((is_terminal() ? kEraseLine : "") + line + "\n");
}

void end_steps() {
    if (is_terminal()) {
        print(kEraseLine);
    }
}

} // namespace lamina
