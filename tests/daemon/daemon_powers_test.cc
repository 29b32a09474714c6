// SPDX-License-Identifier: Apache-2.0
// The daemon with no more powers than systemd/containerd-lamina-grpc.service leaves it.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <span>
#include <sstream>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "proto/diff.grpc.pb.h"
#include "snapshotter/service/convert.h"
#include "tests/daemon/daemon_process.h"
#include "tests/service/remote_snapshotter.h"
#include "tests/support/tar_builder.h"
#include "unpacker/base/check.h"
#include "unpacker/base/digest.h"

namespace lamina {
namespace {

using test::Daemon;

const std::map<std::string, int> kCapabilities{
    {"CAP_CHOWN", CAP_CHOWN},        {"CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE},
    {"CAP_FOWNER", CAP_FOWNER},      {"CAP_FSETID", CAP_FSETID},
    {"CAP_MKNOD", CAP_MKNOD},        {"CAP_SETFCAP", CAP_SETFCAP},
    {"CAP_SYS_ADMIN", CAP_SYS_ADMIN}};

// The value of a setting of the shipped unit.
std::string unit_setting(const std::string& name) {
    std::ifstream unit(LAMINA_SOURCE_DIR "/systemd/containerd-lamina-grpc.service");
    for (std::string line; std::getline(unit, line);) {
        if (line.starts_with(name + "=")) {
            return line.substr(name.size() + 1);
        }
    }
    return {};
}

std::set<int> unit_capabilities() {
    std::istringstream names(unit_setting("CapabilityBoundingSet"));
    std::set<int> numbers;
    for (std::string name; names >> name;) {
        CHECK(kCapabilities.contains(name));
        numbers.insert(kCapabilities.at(name));
    }
    return numbers;
}

// What systemd does before it starts the program. In the child: aborts when it cannot.
void take_powers(const std::set<int>& kept, mode_t umask) {
    for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
        CHECK(kept.contains(capability) || ::prctl(PR_CAPBSET_DROP, capability) == 0);
    }
    CHECK(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    ::umask(umask);
}

struct stat status_of(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status;
}

std::string xattr_of(const std::string& path, const char* name) {
    std::string value(64, '\0');
    ssize_t size = ::lgetxattr(path.c_str(), name, value.data(), value.size());
    return size < 0 ? "none" : value.substr(0, static_cast<size_t>(size));
}

class DaemonWithTheUnitsPowers : public ::testing::Test {
  protected:
    void SetUp() override {
        std::ofstream(daemon_.config_file(), std::ios::app)
            << "[content]\nroot = \"" << content_.path() << "\"\n";
        auto kept = unit_capabilities();
        auto umask = static_cast<mode_t>(std::stoul(unit_setting("UMask"), nullptr, 8));
        daemon_.spawn({}, [&] { take_powers(kept, umask); });
        ASSERT_THAT(daemon_.manager().next(), testing::StartsWith("READY=1"));
        snapshotter_ = std::make_unique<test::RemoteSnapshotter>(daemon_.connect());
    }

    // Applies the archive to a new snapshot; returns its upper directory.
    std::string apply(const std::string& key, const std::string& parent, const std::string& tar) {
        auto mounts = snapshotter_->prepare(key, parent, {});
        EXPECT_TRUE(mounts) << mounts.error().message;
        diff_api::ApplyRequest request;
        write_mounts(*mounts, *request.mutable_mounts());
        request.mutable_diff()->set_media_type("application/vnd.oci.image.layer.v1.tar");
        request.mutable_diff()->set_digest(store_blob(tar));
        request.mutable_diff()->set_size(static_cast<int64_t>(tar.size()));
        grpc::ClientContext context;
        diff_api::ApplyResponse reply;
        auto status = diff_api::Diff::NewStub(daemon_.connect())->Apply(&context, request, &reply);
        EXPECT_TRUE(status.ok()) << status.error_message();
        const std::string option = mounts->front().options.at(1);
        return option.starts_with("upperdir=") ? option.substr(9) : mounts->front().source;
    }

    std::string store_blob(const std::string& bytes) {
        Sha256 hash;
        hash.update(std::as_bytes(std::span(bytes)));
        Digest digest = hash.finish();
        std::filesystem::create_directories(content_ / "blobs/sha256");
        std::ofstream(content_ / ("blobs/sha256/" + std::string(digest.hex()))) << bytes;
        return digest.text();
    }

    test::TempDir content_;
    Daemon daemon_;
    std::unique_ptr<test::RemoteSnapshotter> snapshotter_;
};

// A version 2 capability set as `setcap cap_net_raw+ep` writes it.
const std::string kNetRaw("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);

TEST_F(DaemonWithTheUnitsPowers, EntriesThatOnlyRootCanMakeAreMade) {
    using test::dir;
    using test::file;
    const test::Tree tree{dir("private").mode(0700).owner(1000, 1000),
                          file("private/foreign", "x").mode(0400).owner(2000, 2000),
                          file("su", "x").mode(06755).owner(5, 6),
                          file("ping", "x").xattr("security.capability", kNetRaw),
                          test::char_device("null", 1, 3, 0666),
                          test::block_device("disk", 7, 0)};
    const std::string upper = apply("default/1/a", "", test::tar(tree));
    EXPECT_EQ(status_of(upper).st_mode & 07777u, 0755u);
    EXPECT_EQ(status_of(upper + "/private").st_mode & 07777u, 0700u);
    EXPECT_EQ(status_of(upper + "/private/foreign").st_uid, 2000u);
    EXPECT_EQ(status_of(upper + "/private/foreign").st_mode & 07777u, 0400u);
    EXPECT_EQ(status_of(upper + "/su").st_mode & 07777u, 06755u);
    EXPECT_EQ(status_of(upper + "/su").st_gid, 6u);
    EXPECT_EQ(xattr_of(upper + "/ping", "security.capability"), kNetRaw);
    EXPECT_EQ(status_of(upper + "/null").st_rdev, makedev(1, 3));
    EXPECT_EQ(status_of(upper + "/null").st_mode & 07777u, 0666u);
    EXPECT_TRUE(S_ISBLK(status_of(upper + "/disk").st_mode));
}

TEST_F(DaemonWithTheUnitsPowers, WhiteoutsAndOpaqueDirectoriesAreMade) {
    using test::dir;
    using test::file;
    apply("default/1/a", "", test::tar({dir("etc"), file("etc/gone", "x"), dir("opt")}));
    ASSERT_TRUE(snapshotter_->commit("default/2/b", "default/1/a", {}, ""));
    const std::string upper =
        apply("default/3/c", "default/2/b",
              test::tar({dir("etc"), test::whiteout("etc/gone"), dir("opt"), test::opaque("opt")}));
    EXPECT_TRUE(S_ISCHR(status_of(upper + "/etc/gone").st_mode));
    EXPECT_EQ(status_of(upper + "/etc/gone").st_rdev, makedev(0, 0));
    EXPECT_EQ(xattr_of(upper + "/opt", "trusted.overlay.opaque"), "y");
}

TEST_F(DaemonWithTheUnitsPowers, TreesOfOthersAreCountedAndRemoved) {
    using test::dir;
    using test::file;
    const std::string upper =
        apply("default/1/a", "",
              test::tar({dir("private").mode(0).owner(1000, 1000),
                         file("private/foreign", "x").mode(0).owner(2000, 2000)}));
    EXPECT_EQ(snapshotter_->usage("default/1/a")->inodes, 3u);
    ASSERT_TRUE(snapshotter_->remove("default/1/a"));
    EXPECT_FALSE(std::filesystem::exists(upper));
}

} // namespace
} // namespace lamina
