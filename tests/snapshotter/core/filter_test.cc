// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "snapshotter/core/filter.h"

namespace lamina {
namespace {

Info sample() {
    Info info;
    info.name = "sample";
    info.parent = "base";
    info.kind = Kind::committed;
    info.labels = {{"plain", "value"},
                   {"a.b/c", "dotted"},
                   {"containerd.io/snapshot.ref", "sha256:0123"},
                   {"text", "two words, \"and\" more"}};
    return info;
}

bool matches_any(const std::vector<std::string>& filters) {
    const auto filter = Filter::parse(filters);
    EXPECT_TRUE(filter) << filter.error().message;
    return filter && filter->matches(sample());
}

bool matches(const std::string& filter) {
    return matches_any({filter});
}

void expect_bad(const std::string& filter) {
    const auto parsed = Filter::parse({filter});
    EXPECT_FALSE(parsed) << filter;
    if (!parsed) {
        EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
    }
}

TEST(Filter, NoneOrEmptyMatchesEverything) {
    EXPECT_TRUE(matches_any({}));
    EXPECT_TRUE(matches(""));
}

TEST(Filter, StringsAreAlternatives) {
    EXPECT_TRUE(matches_any({"name==other", "name==sample"}));
    EXPECT_FALSE(matches_any({"name==other", "name==another"}));
}

TEST(Filter, CommaMeansAnd) {
    EXPECT_TRUE(matches("name==sample,parent==base"));
    EXPECT_FALSE(matches("name==sample,parent==other"));
}

TEST(Filter, ComparesNameParentAndKind) {
    EXPECT_TRUE(matches("name==sample"));
    EXPECT_TRUE(matches("parent!=other"));
    EXPECT_TRUE(matches("kind==committed"));
    EXPECT_FALSE(matches("kind==active"));
    EXPECT_FALSE(matches("kind!=committed"));
}

TEST(Filter, EmptyParentIsPresent) {
    Info info = sample();
    info.parent.clear();
    EXPECT_TRUE(Filter::parse({"parent"})->matches(info));
    EXPECT_TRUE(Filter::parse({"parent==\"\""})->matches(info));
    EXPECT_FALSE(Filter::parse({"parent!=\"\""})->matches(info));
}

TEST(Filter, LabelKeysMayBeQuotedOrDotted) {
    EXPECT_TRUE(matches("labels.plain==value"));
    EXPECT_TRUE(matches("labels.\"a.b/c\"==dotted"));
    EXPECT_TRUE(matches("labels.a.\"b/c\"==dotted"));
    EXPECT_TRUE(matches("labels.\"containerd.io/snapshot.ref\"==sha256:0123"));
}

TEST(Filter, BarePathTestsPresence) {
    EXPECT_TRUE(matches("labels.plain"));
    EXPECT_FALSE(matches("labels.missing"));
    EXPECT_FALSE(matches("unknown"));
    EXPECT_TRUE(matches("labels.plain,name"));
}

TEST(Filter, AbsentFieldIsUnequalToAnythingButEmpty) {
    EXPECT_FALSE(matches("labels.missing==\"\""));
    EXPECT_FALSE(matches("labels.missing!=\"\""));
    EXPECT_TRUE(matches("labels.missing!=value"));
}

TEST(Filter, PatternIsSearchedAnywhere) {
    EXPECT_TRUE(matches("name~=amp"));
    EXPECT_TRUE(matches("name~=^s.*e$"));
    EXPECT_FALSE(matches("name~=^amp"));
    EXPECT_TRUE(matches("labels.missing~=^$"));
}

TEST(Filter, PatternMayBeInSlashesOrBars) {
    EXPECT_TRUE(matches("name~=/sa[m]p/"));
    EXPECT_TRUE(matches("name~=|^sample$|,kind==committed"));
    EXPECT_TRUE(matches("labels.\"a.b/c\"~=/dot\\x74ed/"));
}

TEST(Filter, BadPatternMatchesNothingAndIsNoError) {
    EXPECT_FALSE(matches("name~=\"(\""));
    EXPECT_FALSE(matches("name~=\"a(?=b)\"")); // no look-ahead in linear time
}

TEST(Filter, UnquotedValueRunsToCommaOrSpace) {
    EXPECT_TRUE(matches("labels.\"containerd.io/snapshot.ref\"==sha256:0123,name==sample"));
    Info info;
    info.name = "a/b.c=d:e'f\"g";
    EXPECT_TRUE(Filter::parse({"name==a/b.c=d:e'f\"g"})->matches(info));
    info.name = "'x'";
    EXPECT_TRUE(Filter::parse({"name=='x'"})->matches(info));
    info.name = "\xc3\xa4\xe2\x82\xac";
    EXPECT_TRUE(Filter::parse({"name==\xc3\xa4\xe2\x82\xac"})->matches(info));
}

TEST(Filter, QuotedValuesHaveGoEscapes) {
    EXPECT_TRUE(matches("labels.text==\"two words, \\\"and\\\" more\""));
    Info info;
    info.name = "\a\b\f\n\r\t\v\\\"A\xff\xc3\xa4\xf0\x9f\x90\xb3";
    EXPECT_TRUE(
        Filter::parse({R"(name=="\a\b\f\n\r\t\v\\\"\101\xff\u00e4\U0001f433")"})->matches(info));
}

TEST(Filter, SpaceIsAllowedBeforeTokens) {
    EXPECT_TRUE(matches(" name == sample"));
    EXPECT_TRUE(matches("name==other, name==sample") == false);
    EXPECT_TRUE(matches("kind==committed, \tname ~= \"sam\""));
}

TEST(Filter, SpaceIsNotAllowedBeforeCommaOrEnd) {
    expect_bad("name==sample ");
    expect_bad("name==sample ,kind==committed");
    expect_bad("name ");
    expect_bad(" ");
}

TEST(Filter, OperatorRunesAreTakenTogether) {
    expect_bad("name===sample");
    expect_bad("name=sample");
    expect_bad("name!sample");
    expect_bad("name=~sample");
}

TEST(Filter, RefusesBrokenPaths) {
    expect_bad("==sample");
    expect_bad("name,");
    expect_bad(",name");
    expect_bad("labels.");
    expect_bad(".name");
    expect_bad("labels..a");
    expect_bad("na-me==x");
    expect_bad("/name/==x");
}

TEST(Filter, RefusesBrokenValues) {
    expect_bad("name==");
    expect_bad("name==,kind==view");
    expect_bad("name==.x");
    expect_bad("name==/abs");
    expect_bad("name==|abs");
    expect_bad("name== =x");
    expect_bad("name==\"x\"y");
    expect_bad("name==a b");
}

TEST(Filter, RefusesBrokenQuotes) {
    expect_bad("name==\"x");
    expect_bad("name==\"x\ny\"");
    expect_bad("name==\"\\q\"");
    expect_bad("name==\"\\400\"");
    expect_bad("name==\"\\x1\"");
    expect_bad("name==\"\\ud800\"");
    expect_bad("name==\"\\U00110000\"");
    expect_bad("name==\"\\'\"");
    expect_bad("name~=/x");
    expect_bad("name==\"\\");
}

TEST(Filter, RefusesTextThatIsNotUtf8OrHasNul) {
    expect_bad("name==\xff");
    expect_bad("name==\"\xff\"");
    expect_bad(std::string("name==\"a\0b\"", 11));
}

TEST(Filter, OneBadStringSpoilsTheCall) {
    EXPECT_FALSE(Filter::parse({"name==x", "name="}));
}

} // namespace
} // namespace lamina
