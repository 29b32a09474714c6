// SPDX-License-Identifier: Apache-2.0
// laminactl squash as a program.
#include <array>
#include <filesystem>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "tests/support/process.h"
#include "tests/support/tree.h"
#include "tests/unpacker/squash/squash_fixture.h"

namespace lamina::test {
namespace {

const std::vector<Tree> kLayers = {{file("base")}, {file("a", "a")}, {whiteout("a"), file("b")}};

class SquashCommandTest : public SquashTest {
  protected:
    // Exit status; what the program printed goes to out() and err().
    int laminactl(const std::string& arguments, const std::string& environment = "") {
        return run({"sh", "-c",
                    "cd '" + temp_.path() + "' && " + environment + " " LAMINACTL " squash " +
                        arguments + " --tmp-dir scratch >out 2>err"});
    }
    std::string out() const { return read_file(temp_ / "out"); }
    std::string err() const { return read_file(temp_ / "err"); }
};

TEST_F(SquashCommandTest, SquashesAndReports) {
    make_source(kLayers);
    ASSERT_EQ(laminactl("source -t new:1 --from-layer 2 --output-path result --json"), 0) << err();
    const auto json = ImageJson::parse(out());
    EXPECT_EQ(json["images"][0]["layers"]["before"], 3);
    EXPECT_EQ(json["images"][0]["layers"]["after"], 2);
    EXPECT_EQ(json["digest"], open(temp_ / "result").images().at(0).digest.text());
}

TEST_F(SquashCommandTest, TakesDockerSquashsSpelling) {
    make_source(kLayers);
    ASSERT_EQ(laminactl("source -f 2 -t new:1 -m why --output docker-tar --output-path r.tar"), 0)
        << err();
    EXPECT_EQ(open(temp_ / "r.tar").form(), ImageForm::docker_archive);
    EXPECT_NE(out().find("2 layers into 1"), std::string::npos) << out();
}

TEST_F(SquashCommandTest, NothingToSquashIsTwo) {
    make_source({{file("only")}});
    EXPECT_EQ(laminactl("source -f all -t new --output-path result"), 2) << err();
    EXPECT_FALSE(exists(temp_ / "result"));
}

TEST_F(SquashCommandTest, FailuresAreOneAndSayWhy) {
    make_source(kLayers);
    const std::string to = " --output-path result";
    const std::pair<const char*, const char*> cases[] = {
        {"source", "--output-path"},
        {"source -f auto --output-path result", "--from-layer"},
        {"source -f 9 --output-path result", "9 layers"},
        {"source -f nonsense --output-path result", "nonsense"},
        {"source --output store --output-path result", "containerd"},
        {"source --output zip --output-path result", "zip"},
        {"source -t $(printf 'app\\377') --output-path result", "UTF-8"},
        {"source -m $(printf '\\377') --output-path result", "UTF-8"},
        {"source --layers 0 --output-path result", "--layers"},
        {"", "IMAGE"},
        {"source --compression xz --output-path result", "xz"},
        {"./missing -f all --output-path result", "missing"},
    };
    for (const auto& [arguments, reason] : cases) {
        SCOPED_TRACE(arguments);
        EXPECT_EQ(laminactl(arguments), 1);
        EXPECT_NE(err().find(reason), std::string::npos) << err();
        EXPECT_FALSE(exists(temp_ / "result"));
    }
    EXPECT_EQ(laminactl("source -f all --output-path result", "SOURCE_DATE_EPOCH=today"), 1);
    EXPECT_NE(err().find("SOURCE_DATE_EPOCH"), std::string::npos) << err();
    EXPECT_EQ(laminactl("source -f all --output-path result", "SOURCE_DATE_EPOCH=253402300800"), 1);
    EXPECT_NE(err().find("SOURCE_DATE_EPOCH"), std::string::npos) << err();
}

TEST_F(SquashCommandTest, AReportThatCannotBeWrittenIsAFailure) {
    make_source(kLayers);
    EXPECT_EQ(run({"sh", "-c",
                   "cd '" + temp_.path() +
                       "' && " LAMINACTL " squash source -f all --dry-run --tmp-dir scratch "
                       ">/dev/full 2>err"}),
              1);
    EXPECT_NE(err().find("standard output"), std::string::npos) << err();
}

// As with 2>&1 | head.
TEST_F(SquashCommandTest, NobodyHasToReadTheProgress) {
    make_source(kLayers);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    ::close(ends[0]);
    ASSERT_EQ(::dup2(ends[1], 9), 9);
    ::close(ends[1]);
    const int status = run({"sh", "-c",
                            "cd '" + temp_.path() +
                                "' && " LAMINACTL " squash source -f all --output-path result "
                                "--tmp-dir scratch >out 2>&9"});
    ::close(9);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(exists(temp_ / "result"));
}

// Interrupted as soon as it says that it is at work; a fast machine may be done by then.
TEST_F(SquashCommandTest, AnInterruptLeavesAllOrNothing) {
    make_source(std::vector<Tree>(60, {dir("d"), file("d/f", std::string(500'000, 'f'))}));
    for (const char* signal : {"TERM", "HUP"}) {
        std::filesystem::remove_all(temp_ / "result");
        std::filesystem::remove(temp_ / "err");
        write_file(temp_ / "interrupt", "cd '" + temp_.path() +
                                            "'\n" LAMINACTL
                                            " squash source -f all --output-path result "
                                            "--tmp-dir scratch >out 2>err & pid=$!\n"
                                            "until [ -s err ]; do sleep 0.01; done\n"
                                            "kill -" +
                                            signal +
                                            " $pid\n"
                                            "wait $pid && exec test -e result\n"
                                            "test ! -e result\n");
        EXPECT_EQ(run({"sh", temp_ / "interrupt"}), 0) << err();
        EXPECT_TRUE(std::filesystem::is_empty(temp_ / "scratch"));
    }
    for (const auto& item : std::filesystem::directory_iterator(temp_.path())) {
        EXPECT_NE(item.path().filename().string().front(), '.') << item.path();
    }
}

// By nohup(1), or by a shell that starts it in the background.
TEST_F(SquashCommandTest, IgnoredSignalsStayIgnored) {
    make_source(std::vector<Tree>(60, {dir("d"), file("d/f", std::string(100'000, 'f'))}));
    write_file(temp_ / "ignore",
               "cd '" + temp_.path() +
                   "'\ntrap '' HUP INT\n" LAMINACTL
                   " squash source -f all --output-path result --tmp-dir scratch >out 2>err "
                   "& pid=$!\n"
                   "until [ -s err ]; do sleep 0.01; done\n"
                   "kill -HUP $pid; kill -INT $pid\n"
                   "wait $pid\n");
    EXPECT_EQ(run({"sh", temp_ / "ignore"}), 0) << err();
    EXPECT_TRUE(exists(temp_ / "result"));
}

TEST_F(SquashCommandTest, NeedsRootAndSaysSo) {
    make_source(kLayers);
    // The program itself may lie where others cannot go.
    ASSERT_EQ(run({"cp", LAMINACTL, temp_ / "laminactl"}), 0);
    ASSERT_EQ(run({"chmod", "777", temp_.path(), temp_ / "scratch"}), 0);
    EXPECT_EQ(run({"sh", "-c",
                   "cd '" + temp_.path() +
                       "' && setpriv --reuid 65534 --clear-groups ./laminactl squash source -f all "
                       "--output-path result --tmp-dir scratch 2>err"}),
              1);
    EXPECT_NE(err().find("needs root"), std::string::npos) << err();
    EXPECT_EQ(run({"sh", "-c",
                   "cd '" + temp_.path() +
                       "' && setpriv --reuid 65534 --clear-groups ./laminactl squash source -f all "
                       "--dry-run >out 2>err"}),
              0)
        << err();
    EXPECT_NE(out().find("3 layers into 1"), std::string::npos) << out();
}

} // namespace
} // namespace lamina::test
