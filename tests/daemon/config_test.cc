// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <toml++/toml.h>

#include "snapshotter/daemon/config.h"
#include "snapshotter/daemon/config_keys.h"
#include "tests/support/temp_dir.h"

namespace lamina {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ConfigFile : public ::testing::Test {
  protected:
    Result<Config> read(const std::string& text) {
        std::ofstream(path_) << text;
        return read_config(path_);
    }

    std::string error_of(const std::string& text) {
        auto config = read(text);
        return config ? "no error" : config.error().message;
    }

    test::TempDir directory_;
    const std::string path_ = directory_ / "config.toml";
};

TEST(LookaheadUnpacks, AreAsManyAsThereAreProcessorsButOnePlaceIsLeft) {
    Config config;
    config.unpack.max_concurrent = 4;
    EXPECT_EQ(lookahead_unpacks(config, 2), 2U);
    EXPECT_EQ(lookahead_unpacks(config, 64), 3U);
    config.unpack.max_concurrent = 1;
    EXPECT_EQ(lookahead_unpacks(config, 64), 0U);
}

TEST(LookaheadUnpacks, AreNoneWhereSwitchedOffOrLayersMustBeOnTheDisk) {
    Config config;
    config.unpack.lookahead = LookaheadMode::off;
    EXPECT_EQ(lookahead_unpacks(config, 2), 0U);
    config = {};
    config.unpack.durability = Durability::layer;
    EXPECT_EQ(lookahead_unpacks(config, 2), 0U);
}

// Every member with another value than its default.
Config unusual_config() {
    Config config;
    config.root = "/srv/with \"quotes\" and \\";
    config.address = "/run/'a'.sock";
    config.shutdown_seconds = 0;
    config.log.level = log::Level::error;
    config.snapshotter.mount_options = {"volatile", "a=\"b\""};
    config.snapshotter.upperdir_label = true;
    config.snapshotter.remap_ids = false;
    config.snapshotter.delete_threads = 64;
    config.snapshotter.delete_when_idle = true;
    config.content.root = "";
    config.content.address = "/run/k3s/containerd.sock";
    config.unpack.writers = 7;
    config.unpack.max_concurrent = 1;
    config.unpack.engine = EngineWish::io_uring;
    config.unpack.durability = Durability::layer;
    config.unpack.nice = 19;
    config.unpack.lookahead = LookaheadMode::off;
    config.squash.mode = SquashMode::always;
    config.squash.min_layers = 500;
    config.squash.keep_base = 0;
    config.squash.backend = LeafSource::reflink;
    config.squash.wait = true;
    config.metrics.address = "0.0.0.0:65535";
    return config;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(line);
    }
    return lines;
}

TEST_F(ConfigFile, EmptyFileMeansDefaults) {
    EXPECT_EQ(*read(""), Config{});
}

TEST_F(ConfigFile, PrintedDefaultsReadBackEqual) {
    EXPECT_EQ(*read(print_config(Config{})), Config{});
}

TEST_F(ConfigFile, PrintedUnusualValuesReadBackEqual) {
    EXPECT_EQ(*read(print_config(unusual_config())), unusual_config());
}

TEST_F(ConfigFile, UnusualValuesOfThisTestDifferFromTheDefaultsInEveryKey) {
    std::vector<std::string> defaults = lines_of(print_config(Config{}));
    std::vector<std::string> unusual = lines_of(print_config(unusual_config()));
    ASSERT_EQ(defaults.size(), unusual.size());
    for (size_t i = 0; i < defaults.size(); ++i) {
        bool has_key = defaults[i].find(" = ") != std::string::npos;
        EXPECT_EQ(defaults[i] != unusual[i], has_key) << defaults[i];
    }
}

TEST_F(ConfigFile, ShippedFileNamesEveryKeyWithItsDefault) {
    const std::string shipped = LAMINA_SOURCE_DIR "/systemd/config.toml";
    auto config = read_config(shipped);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(*config, Config{});

    std::ifstream file(shipped);
    std::string text(std::istreambuf_iterator<char>(file), {});
    Config any;
    visit_config_keys(any, [&](const char*, const char* key, const auto&, auto...) {
        EXPECT_THAT(text, HasSubstr("\n" + std::string(key) + " = "));
    });
}

// The files that users merge into containerd's configuration.
class ContainerdConfig : public ::testing::TestWithParam<int> {
  protected:
    const toml::table file_ = toml::parse_file(
        fmt::format(LAMINA_SOURCE_DIR "/systemd/containerd-config-v{}.toml", GetParam()));
};

TEST_P(ContainerdConfig, NamesOurDefaultSocketAndRoot) {
    EXPECT_EQ(file_["version"].value_or(0), GetParam());
    const auto proxies = file_["proxy_plugins"];
    EXPECT_EQ(proxies["lamina"]["type"].value_or(""), std::string("snapshot"));
    EXPECT_EQ(proxies["lamina"]["address"].value_or(""), Config{}.address);
    EXPECT_EQ(proxies["lamina"]["exports"]["root"].value_or(""), Config{}.root);
    EXPECT_EQ(proxies["lamina-diff"]["type"].value_or(""), std::string("diff"));
    EXPECT_EQ(proxies["lamina-diff"]["address"].value_or(""), Config{}.address);
}

TEST_P(ContainerdConfig, AsksLaminaFirstAndKeepsOverlayfs) {
    const auto plugins = file_["plugins"];
    const auto differs = plugins["io.containerd.service.v1.diff-service"]["default"];
    EXPECT_EQ(differs[0].value_or(""), std::string("lamina-diff"));
    EXPECT_EQ(differs[1].value_or(""), std::string("walking"));
    const auto unpack = plugins["io.containerd.transfer.v1.local"]["unpack_config"];
    EXPECT_EQ(unpack[0]["snapshotter"].value_or(""), std::string("overlayfs"));
    EXPECT_EQ(unpack[0]["differ"].value_or(""), std::string("walking"));
    EXPECT_EQ(unpack[1]["snapshotter"].value_or(""), std::string("lamina"));
    EXPECT_EQ(unpack[1]["differ"].value_or(""), std::string("lamina-diff"));
}

INSTANTIATE_TEST_SUITE_P(Versions, ContainerdConfig, ::testing::Values(2, 3));

TEST_F(ConfigFile, UnknownTopLevelKeyIsNamedWithItsPlace) {
    EXPECT_EQ(error_of("root = \"/a\"\nrooot = \"/b\"\n"), path_ + ":2:1: unknown key \"rooot\"");
}

TEST_F(ConfigFile, UnknownSectionIsNamedWithItsPlace) {
    EXPECT_EQ(error_of("\n[unpak]\nwriters = 1\n"), path_ + ":2:2: unknown key \"unpak\"");
}

TEST_F(ConfigFile, UnknownKeyInASectionIsNamedWithItsPlace) {
    EXPECT_EQ(error_of("[log]\nlevel = \"info\"\n  colour = true\n"),
              path_ + ":3:3: unknown key \"colour\" in [log]");
}

TEST_F(ConfigFile, SectionThatIsNoTableIsRefused) {
    EXPECT_EQ(error_of("log = \"info\"\n"), path_ + ":1:7: \"log\" must be a table");
}

TEST_F(ConfigFile, SyntaxErrorIsNamedWithItsPlace) {
    EXPECT_THAT(error_of("root = \"/a\"\naddress = = 1\n"), StartsWith(path_ + ":2:11: "));
}

TEST_F(ConfigFile, WrongTypesAreNamedWithTheirPlace) {
    EXPECT_EQ(error_of("root = 1\n"), path_ + ":1:8: \"root\" must be a string");
    EXPECT_EQ(error_of("[snapshotter]\nupperdir_label = \"yes\"\n"),
              path_ + ":2:18: \"upperdir_label\" must be true or false");
    EXPECT_EQ(error_of("[snapshotter]\nmount_options = [\"a\", 1]\n"),
              path_ + ":2:17: \"mount_options\" must be an array of strings");
    EXPECT_EQ(error_of("[snapshotter]\nmount_options = \"a\"\n"),
              path_ + ":2:17: \"mount_options\" must be an array of strings");
    EXPECT_EQ(error_of("[log]\nlevel = \"loud\"\n"),
              path_ + ":2:9: \"level\" must be trace, debug, info, warn or error");
    EXPECT_EQ(error_of("[unpack]\nlookahead = true\n"),
              path_ + ":2:13: \"lookahead\" must be auto or off");
}

TEST_F(ConfigFile, AddressesOfMetricsThatAreNoneAreNamedWithTheirPlace) {
    const std::string complaint =
        path_ + ":2:11: \"address\" must be \"\" or an IPv4 address and a port, as " +
        "\"127.0.0.1:9999\"";
    for (const char* value :
         {"1", "\"127.0.0.1\"", "\"127.0.0.1:\"", "\":9999\"", "\"9999\"", "\"127.0.0.1:65536\"",
          "\"127.0.0.1:-1\"", "\"127.0.0.1:+1\"", "\"127.0.0.1:80s\"", "\"127.0.0.1:1,2\"",
          "\"127.0.0.1:1:2\"", "\"127.0.0.1: 1\"", "\"127.1:9999\"", "\"256.0.0.1:9999\"",
          "\"localhost:9999\"", "\"[::1]:9999\"", "\"/run/metrics.sock\"", "\":\"", "\" \""}) {
        EXPECT_EQ(error_of("[metrics]\naddress = " + std::string(value) + "\n"), complaint)
            << value;
    }
}

TEST_F(ConfigFile, AddressesOfMetricsAreTakenAsTheyAre) {
    for (const char* value : {"", "127.0.0.1:0", "127.0.0.1:9999", "0.0.0.0:65535"}) {
        const auto config = read(fmt::format("[metrics]\naddress = \"{}\"\n", value));
        ASSERT_TRUE(config) << config.error().message;
        EXPECT_EQ(config->metrics.address, value);
    }
}

TEST_F(ConfigFile, NumbersOutOfRangeAreNamedWithTheirPlace) {
    const std::string complaint =
        path_ + ":2:18: \"max_concurrent\" must be a whole number from 1 to 256";
    for (const char* value : {"0", "257", "-1", "1.5", "\"4\"", "9223372036854775807"}) {
        EXPECT_EQ(error_of("[unpack]\nmax_concurrent = " + std::string(value) + "\n"), complaint);
    }
}

TEST_F(ConfigFile, MissingFileIsNotFound) {
    EXPECT_EQ(read_config(directory_ / "none.toml").error().code, ErrorCode::not_found);
}

TEST_F(ConfigFile, DirectoryInsteadOfFileIsAnError) {
    EXPECT_FALSE(read_config(directory_.path()));
}

} // namespace
} // namespace lamina
