// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "unpacker/base/result.h"

namespace lamina::bench {

// An entry of a tar file in memory; `content` points into it.
struct TarItem {
    char type = '0'; // tar's type flag
    std::string path;
    std::string link;
    unsigned mode = 0;
    std::span<const std::byte> content;
};

// All entries of an archive as bench/corpus.sh makes them (ustar and PAX), other dialects are
// refused. Deliberately no code of the product: the roofline must not move when that gets slower.
[[nodiscard]] Result<std::vector<TarItem>> index_tar(std::span<const std::byte> tar);

} // namespace lamina::bench
