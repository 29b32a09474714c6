// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "unpacker/base/digest.h"

namespace lamina {
namespace {

// FIPS 180-4's examples, and the digest of nothing.
constexpr std::string_view kOfNothing =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kOfAbc =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

void update(Sha256& hash, std::string_view text) {
    hash.update(std::as_bytes(std::span(text)));
}

TEST(Sha256, OfNothing) {
    EXPECT_EQ(Sha256().finish().text(), kOfNothing);
}

TEST(Sha256, DoesNotDependOnHowTheBytesArrive) {
    Sha256 at_once;
    update(at_once, "abc");
    Sha256 in_pieces;
    update(in_pieces, "a");
    update(in_pieces, "");
    update(in_pieces, "bc");
    EXPECT_EQ(at_once.finish().text(), kOfAbc);
    EXPECT_EQ(in_pieces.finish().text(), kOfAbc);
}

TEST(Digest, ParseKeepsTheText) {
    auto digest = Digest::parse(kOfAbc);
    ASSERT_TRUE(digest);
    EXPECT_EQ(digest->text(), kOfAbc);
    EXPECT_EQ(digest->hex(), kOfAbc.substr(7));
    EXPECT_EQ(*digest, *Digest::parse(kOfAbc));
    EXPECT_NE(*digest, *Digest::parse(kOfNothing));
}

TEST(Digest, ParseRefusesEverythingElse) {
    const std::string good(kOfAbc);
    std::string upper = good;
    upper.back() = 'D';
    for (const std::string& bad :
         {std::string(), good.substr(7), good.substr(0, 70), good + "0", upper,
          "sha512:" + good.substr(7), " " + good, "sha256:" + std::string(63, '0') + "g"}) {
        auto digest = Digest::parse(bad);
        ASSERT_FALSE(digest) << bad;
        EXPECT_EQ(digest.error().code, ErrorCode::invalid_argument) << bad;
    }
}

} // namespace
} // namespace lamina
