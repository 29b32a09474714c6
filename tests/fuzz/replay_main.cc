// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over the files of a folder, for compilers without libFuzzer.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>

#include "tests/support/tree.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int count, char** arguments) {
    size_t files = 0;
    for (int i = 1; i < count; ++i) {
        for (const auto& item : std::filesystem::directory_iterator(arguments[i])) {
            const std::string input = lamina::test::read_file(item.path());
            std::printf("%s\n", item.path().c_str()); // the last one is the one that crashed
            std::fflush(stdout);
            LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
            ++files;
        }
    }
    std::printf("%zu inputs\n", files);
    return files > 0 ? 0 : 1;
}
