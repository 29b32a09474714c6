// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unpacker/base/log.h"

namespace lamina {
namespace {

using testing::ContainsRegex;
using testing::IsEmpty;

TEST(LogQuote, LeavesPlainWordsBare) {
    EXPECT_EQ(log::quote("sha256:ab/cd-1.2_3"), "sha256:ab/cd-1.2_3");
    EXPECT_EQ(log::quote("ü"), "\"ü\"");
}

TEST(LogQuote, QuotesWhatWouldBreakAField) {
    EXPECT_EQ(log::quote(""), "\"\"");
    EXPECT_EQ(log::quote("a b"), "\"a b\"");
    EXPECT_EQ(log::quote("a=b"), "\"a=b\"");
    EXPECT_EQ(log::quote("say \"no\""), R"("say \"no\"")");
    EXPECT_EQ(log::quote("c:\\d"), R"("c:\\d")");
}

TEST(LogQuote, KeepsALineOneLine) {
    EXPECT_EQ(log::quote("a\nlevel=error"), R"("a\nlevel=error")");
    EXPECT_EQ(log::quote(std::string_view("\x1b[31m\0", 6)), R"("\x1b[31m\x00")");
}

TEST(Log, WritesOneLogfmtLineToStandardError) {
    testing::internal::CaptureStderr();
    log::info("layer unpacked", {{"digest", "sha256:ab"}, {"entries", 7}, {"key", "a b"}});
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                ContainsRegex("^time=\"[^\"]+Z\" level=info msg=\"layer unpacked\" "
                              "digest=sha256:ab entries=7 key=\"a b\"\n$"));
}

TEST(Log, LevelSilencesWhatIsBelowIt) {
    log::set_level(log::Level::error);
    testing::internal::CaptureStderr();
    log::warn("not seen");
    EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
    log::set_level(log::Level::info);
}

TEST(Log, ParsesItsLevelsAndNoOther) {
    EXPECT_EQ(log::parse_level("debug"), log::Level::debug);
    EXPECT_EQ(log::parse_level("error"), log::Level::error);
    EXPECT_FALSE(log::parse_level("Debug"));
    EXPECT_FALSE(log::parse_level(""));
}

} // namespace
} // namespace lamina
