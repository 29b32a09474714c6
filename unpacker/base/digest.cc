// SPDX-License-Identifier: Apache-2.0
#include "unpacker/base/digest.h"

#include <algorithm>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "unpacker/base/check.h"

namespace lamina {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr size_t kHexDigits = 64;

bool is_lower_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

} // namespace

Result<Digest> Digest::parse(std::string_view text) {
    if (!text.starts_with(kPrefix) || text.size() != kPrefix.size() + kHexDigits ||
        !std::ranges::all_of(text.substr(kPrefix.size()), is_lower_hex)) {
        return fail(ErrorCode::invalid_argument, fmt::format("\"{}\" is no sha256 digest", text));
    }
    return Digest(std::string(text));
}

Digest Digest::from_sha256(std::span<const std::byte, 32> hash) {
    std::string text(kPrefix);
    for (std::byte byte : hash) {
        text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
    }
    return Digest(std::move(text));
}

struct Sha256::Context {
    EVP_MD_CTX* evp = EVP_MD_CTX_new();
    ~Context() { EVP_MD_CTX_free(evp); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
    CHECK(EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
    CHECK(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1);
}

Digest Sha256::finish() {
    return Digest::from_sha256(finish_hash());
}

Sha256Hash Sha256::finish_hash() {
    Sha256Hash hash{};
    unsigned length = 0;
    CHECK(EVP_DigestFinal_ex(context_->evp, reinterpret_cast<unsigned char*>(hash.data()),
                             &length) == 1);
    CHECK(length == hash.size());
    return hash;
}

} // namespace lamina
