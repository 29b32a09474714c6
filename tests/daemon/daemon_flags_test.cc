// SPDX-License-Identifier: Apache-2.0
// What containerd-lamina-grpc does before it serves.
#include <csignal>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "snapshotter/daemon/config.h"
#include "tests/daemon/daemon_process.h"

namespace lamina {
namespace {

using test::Daemon;
using test::Process;
using ::testing::HasSubstr;

constexpr const char* kDefaultConfigFile = "/etc/containerd-lamina-grpc/config.toml";

Config printed_config(const Process& process) {
    test::TempDir directory;
    std::ofstream(directory / "printed.toml") << process.standard_output();
    auto config = read_config(directory / "printed.toml");
    EXPECT_TRUE(config) << config.error().message;
    return config.value_or(Config{});
}

TEST(DaemonFlags, VersionIsPrinted) {
    Daemon daemon;
    Process& process = daemon.spawn({"--version"});
    EXPECT_EQ(process.wait(), 0);
    EXPECT_EQ(process.standard_output(), "containerd-lamina-grpc " LAMINA_VERSION "\n");
}

TEST(DaemonFlags, UnknownFlagIsAnError) {
    Daemon daemon;
    Process& process = daemon.spawn({"--colour"});
    EXPECT_GT(process.wait(), 0);
    EXPECT_THAT(process.standard_error(), HasSubstr("--colour"));
}

TEST(DaemonFlags, PrintedConfigurationIsTheFileInEffect) {
    Daemon daemon("shutdown_seconds = 3\n[unpack]\nmax_concurrent = 9\n");
    Process& process = daemon.spawn({"--print-config"});
    ASSERT_EQ(process.wait(), 0);
    EXPECT_EQ(printed_config(process), *read_config(daemon.config_file()));
    EXPECT_EQ(printed_config(process).unpack.max_concurrent, 9u);
}

TEST(DaemonFlags, FlagsComeBeforeTheFile) {
    Daemon daemon("[log]\nlevel = \"warn\"\n");
    Process& process = daemon.spawn(
        {"--print-config", "--root", "/r", "--address", "/a.sock", "--log-level", "debug"});
    ASSERT_EQ(process.wait(), 0);
    Config config = printed_config(process);
    EXPECT_EQ(config.root, "/r");
    EXPECT_EQ(config.address, "/a.sock");
    EXPECT_EQ(config.log.level, log::Level::debug);
}

TEST(DaemonFlags, MissingDefaultFileMeansDefaults) {
    if (std::filesystem::exists(kDefaultConfigFile)) {
        GTEST_SKIP() << "this machine has a " << kDefaultConfigFile;
    }
    test::TempDir directory;
    Process process(directory.path(), {LAMINA_DAEMON, "--print-config"});
    ASSERT_EQ(process.wait(), 0);
    EXPECT_EQ(printed_config(process), Config{});
}

TEST(DaemonFlags, MissingNamedFileIsAnError) {
    test::TempDir directory;
    Process process(directory.path(),
                    {LAMINA_DAEMON, "--print-config", "--config", directory / "none.toml"});
    EXPECT_EQ(process.wait(), 1);
    EXPECT_THAT(process.standard_error(), HasSubstr(directory / "none.toml"));
}

TEST(DaemonFlags, ConfigurationErrorNamesItsPlaceAndNothingIsMade) {
    Daemon daemon("colour = true\n");
    Process& process = daemon.spawn();
    EXPECT_EQ(process.wait(), 1);
    EXPECT_THAT(process.standard_error(), HasSubstr(daemon.config_file() + ":3:1: unknown key"));
    EXPECT_FALSE(std::filesystem::exists(daemon.root()));
}

TEST(DaemonFlags, BadLogLevelIsAnError) {
    Daemon daemon;
    EXPECT_EQ(daemon.spawn({"--log-level", "loud"}).wait(), 1);
}

TEST(DaemonFlags, RootThatCannotBePartOfAMountOptionIsAnError) {
    Daemon daemon;
    Process& process = daemon.spawn({"--root", daemon.root() + ":a"});
    EXPECT_EQ(process.wait(), 1);
    EXPECT_THAT(process.standard_error(), HasSubstr(daemon.root() + ":a"));
}

} // namespace
} // namespace lamina
