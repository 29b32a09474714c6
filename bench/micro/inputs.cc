// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/inputs.h"

#include <array>
#include <cstdlib>
#include <random>

#include <fmt/format.h>

#include "tests/support/tar_builder.h"
#include "unpacker/base/digest.h"

namespace lamina::bench {

size_t scaled(size_t full) {
    return std::getenv("LAMINA_BENCH_TINY") == nullptr ? full : (full / 100) + 1;
}

std::string sample_bytes(size_t size) {
    static constexpr std::array<std::string_view, 5> kWords{"layer ", "whiteout ", "digest ",
                                                            "snapshot ", "0\n"};
    std::mt19937_64 random(1);
    std::string bytes;
    bytes.reserve(size + 16);
    while (bytes.size() < size) {
        const uint64_t number = random();
        if (number % 8 == 0) {
            bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
        } else {
            bytes.append(kWords.at(number % kWords.size()));
        }
    }
    bytes.resize(size);
    return bytes;
}

std::string sample_tar(size_t files, size_t file_bytes) {
    const std::string content = sample_bytes(file_bytes);
    test::Tree tree;
    for (size_t number = 0; number < files; ++number) {
        const std::string directory = fmt::format("d{}", number / 100);
        if (number % 100 == 0) {
            tree.push_back(test::dir(directory));
        }
        tree.push_back(test::file(fmt::format("{}/f{}", directory, number), content));
    }
    return test::tar(tree);
}

std::string checksum(std::string_view bytes) {
    Sha256 hash;
    hash.update({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
    return hash.finish().text();
}

void label(benchmark::State& state, std::string_view what) {
    state.SetLabel(std::string(what));
}

void check(benchmark::State& state, std::string_view what, const std::string& actual,
           const std::string& expected) {
    if (actual != expected) {
        state.SkipWithError(fmt::format("{}: {}, expected {}", what, actual, expected).c_str());
    } else {
        label(state, actual);
    }
}

} // namespace lamina::bench
