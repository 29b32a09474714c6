// SPDX-License-Identifier: Apache-2.0
#include "unpacker/index/xattr_digest.h"

#include <span>
#include <string_view>

#include <fmt/format.h>

namespace lamina {
namespace {

void update(Sha256& hash, std::string_view bytes) {
    hash.update(std::as_bytes(std::span(bytes)));
}

} // namespace

std::optional<Sha256Hash> xattr_digest(const XattrMap& xattrs) {
    if (xattrs.empty()) {
        return std::nullopt;
    }
    Sha256 hash;
    for (const auto& [name, value] : xattrs) {
        update(hash, fmt::format("{}{}{}{}", name, '\0', value.size(), '\0'));
        update(hash, value);
    }
    return hash.finish_hash();
}

} // namespace lamina
