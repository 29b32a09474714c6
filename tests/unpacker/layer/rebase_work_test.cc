// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "unpacker/layer/rebase_work.h"

namespace lamina {
namespace {

using testing::ElementsAre;
using Path = RebaseWork::Path;

std::vector<Path> implied(const RebaseWork& work) {
    std::vector<Path> paths;
    EXPECT_TRUE(work.for_each_implied([&](const Path& path) -> Status {
        paths.push_back(path);
        return {};
    }));
    return paths;
}

ErrorCode error_of(std::string_view text) {
    const auto parsed = RebaseWork::parse(text);
    EXPECT_FALSE(parsed) << text;
    return parsed ? ErrorCode{} : parsed.error().code;
}

RebaseWork example() {
    RebaseWork work;
    work.root_is_opaque = true;
    work.add_implied({"a", "b"});
    work.add_implied({"a", "b", "c"});
    work.add_implied({"a", "d", "e"});
    work.add_implied({"line\nfeed"});
    return work;
}

TEST(RebaseWork, GivesBackWhatItWasGiven) {
    EXPECT_THAT(implied(example()), ElementsAre(Path{"a", "b"}, Path{"a", "b", "c"},
                                                Path{"a", "d", "e"}, Path{"line\nfeed"}));
}

TEST(RebaseWork, SurvivesItsText) {
    const auto parsed = RebaseWork::parse(example().text());
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, example());
    EXPECT_THAT(implied(*parsed), implied(example()));
    EXPECT_TRUE(RebaseWork::parse(RebaseWork().text())->empty());
}

TEST(RebaseWork, EveryBeginningOfATextIsDamaged) {
    const std::string text = example().text();
    for (size_t size = 0; size < text.size(); ++size) {
        EXPECT_EQ(error_of(std::string_view(text).substr(0, size)), ErrorCode::data_loss);
    }
    EXPECT_EQ(error_of(text + "more"), ErrorCode::data_loss);
}

TEST(RebaseWork, TextThatLeadsElsewhereIsDamaged) {
    using namespace std::string_view_literals;
    EXPECT_TRUE(RebaseWork::parse("lamina-rebase-1\0000/a/b\0end\0"sv));
    for (const auto text :
         {"lamina-rebase-1\0000/..\0end\0"sv, "lamina-rebase-1\0000/a/./b\0end\0"sv,
          "lamina-rebase-1\0000/a//b\0end\0"sv, "lamina-rebase-1\0000/a/\0end\0"sv,
          "lamina-rebase-1\0000/\0end\0"sv, "lamina-rebase-1\0001/a\0end\0"sv,
          "lamina-rebase-1\0a/b\0end\0"sv, "lamina-rebase-1\0b\0end\0"sv,
          "lamina-rebase-2\0end\0"sv}) {
        EXPECT_EQ(error_of(text), ErrorCode::data_loss) << text;
    }
}

// Each directory lies in the one before: whole paths would be 8 MB.
TEST(RebaseWork, DeepNestingCostsOnlyItsNames) {
    RebaseWork work;
    Path path;
    for (int depth = 0; depth < 4000; ++depth) {
        path.emplace_back("d");
        work.add_implied(path);
    }
    EXPECT_LT(work.text().size(), 4000U * 10);
    EXPECT_EQ(implied(work).back().size(), 4000U);
}

TEST(RebaseWork, FirstErrorOfAVisitEndsTheTour) {
    int visits = 0;
    const auto toured = example().for_each_implied([&](const Path&) -> Status {
        ++visits;
        return fail(ErrorCode::aborted, "enough");
    });
    EXPECT_FALSE(toured);
    EXPECT_EQ(visits, 1);
}

} // namespace
} // namespace lamina
