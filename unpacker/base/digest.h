// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "unpacker/base/result.h"

namespace lamina {

using Sha256Hash = std::array<std::byte, 32>;

// "sha256:<64 hex digits>", checked once and compared by value.
// Source: OCI image-spec descriptor.md, "Digests". Only sha256 is accepted: containerd's diff IDs
// and blobs are never anything else.
class Digest {
  public:
    static Result<Digest> parse(std::string_view text);
    static Digest from_sha256(std::span<const std::byte, 32> hash);

    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] std::string_view hex() const { return std::string_view(text_).substr(7); }
    auto operator<=>(const Digest&) const = default;

  private:
    explicit Digest(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// SHA-256 of a stream, by OpenSSL, which uses the processor's own instructions. One thread at a
// time.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void update(std::span<const std::byte> bytes);
    // One of the two, once, after the last update.
    [[nodiscard]] Digest finish();
    [[nodiscard]] Sha256Hash finish_hash();

  private:
    struct Context;
    std::unique_ptr<Context> context_;
};

} // namespace lamina
