// SPDX-License-Identifier: Apache-2.0
// laminactl squash on a terminal and elsewhere.
#include <algorithm>
#include <array>

#include <gmock/gmock.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/process.h"
#include "tests/support/tree.h"
#include "tests/unpacker/squash/squash_fixture.h"

namespace lamina::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

const std::vector<Tree> kLayers = {{file("base")}, {file("a", "a")}, {file("b")}};
constexpr const char* kErase = "\r\x1b[K";

class SquashProgress : public SquashTest {
  protected:
    std::string command(const std::string& redirection) const {
        return "cd '" + temp_.path() + "' && " + environment_ +
               " " LAMINACTL " squash source -f all --output-path result --tmp-dir scratch " +
               redirection;
    }

    std::string environment_ = "TERM=vt100";

    // What a shell's command prints to a terminal of so many columns.
    static std::string on_terminal(const std::string& line, unsigned short columns) {
        const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
        int terminal = -1;
        const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
        if (child == 0) {
            ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
            ::_exit(127);
        }
        std::string shown;
        std::array<char, 4096> buffer{};
        ssize_t got = 0;
        while ((got = ::read(terminal, buffer.data(), buffer.size())) > 0) { // EIO at its end
            shown.append(buffer.data(), static_cast<size_t>(got));
        }
        ::close(terminal);
        int status = -1;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0) << shown;
        return shown;
    }
};

TEST_F(SquashProgress, IsOneLineOfATerminal) {
    make_source(kLayers);
    const std::string shown = on_terminal(command(">out"), 200);
    EXPECT_THAT(shown, HasSubstr(std::string(kErase) + "linux/amd64: unpacking layer 3 of 3"));
    EXPECT_THAT(shown, Not(HasSubstr("\n")));
    EXPECT_THAT(shown, EndsWith(kErase));
}

TEST_F(SquashProgress, FitsIntoTheTerminal) {
    make_source(kLayers);
    std::string shown = on_terminal(command(">out"), 20);
    EXPECT_THAT(shown, HasSubstr("linux/amd64: unpack"));
    EXPECT_THAT(shown, Not(HasSubstr("linux/amd64: unpacki")));
}

TEST_F(SquashProgress, ThingsLeftOutStayOnTheTerminal) {
    ImageJson attestation = image_.image({.layers = {{file("sbom")}}});
    attestation["annotations"] = {{"vnd.docker.reference.type", "attestation-manifest"}};
    write_source({image_.index({image_.image({.layers = kLayers}), attestation})});
    const std::string shown = on_terminal(command(">out"), 200);
    EXPECT_THAT(shown, HasSubstr("left out: attestation " +
                                 attestation["digest"].get<std::string>() + "\r\n"));
}

TEST_F(SquashProgress, IsLinesOfATerminalThatCannotErase) {
    make_source(kLayers);
    environment_ = "TERM=dumb";
    const std::string shown = on_terminal(command(">out"), 200);
    EXPECT_THAT(shown, HasSubstr("linux/amd64: unpacking layer 3 of 3\r\n"));
    EXPECT_THAT(shown, Not(HasSubstr("\x1b")));
}

TEST_F(SquashProgress, IsLinesElsewhere) {
    make_source(kLayers);
    ASSERT_EQ(run({"sh", "-c", command(">out 2>err")}), 0);
    const std::string printed = read_file(temp_ / "err");
    EXPECT_THAT(printed, HasSubstr("linux/amd64: unpacking layer 3 of 3\n"));
    EXPECT_THAT(printed, Not(HasSubstr("\x1b")));
}

} // namespace
} // namespace lamina::test
