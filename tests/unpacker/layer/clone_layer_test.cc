// SPDX-License-Identifier: Apache-2.0
// A layer that was unpacked over some layers, cloned and brought onto others, is what unpacking it
// there gives.
#include <cstdlib>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/stat.h>

#include "tests/support/manifest.h"
#include "tests/support/memory_blob.h"
#include "tests/support/process.h"
#include "tests/support/random_entries.h"
#include "tests/support/tar_builder.h"
#include "tests/support/tree.h"
#include "unpacker/layer/clone_layer.h"
#include "unpacker/layer/rebase_layer.h"

namespace lamina::test {
namespace {

const Tree kBelowLeader = {dir("a", 0711).owner(50, 51).mtime(70).xattr("user.k", "leader"),
                           dir("a/b", 02750).xattr("user.k", "v").mtime(71), dir("a/c", 0700),
                           dir("b", 0701).mtime(72), symlink("a", "c")};
const Tree kBelowFollower = {dir("a", 0770).owner(60, 61).mtime(80), dir("a/a", 0777).mtime(81),
                             dir("c", 0705).owner(7, 7).xattr("user.other", "w")};

// Times that nobody gave are those of the moment: of whiteouts and implied directories.
std::string manifest_of(const std::string& root) {
    walk_tree(root, [&](const Entry& entry) {
        const std::string path = root + "/" + entry.name;
        const auto made = read_entry(path, entry.name);
        if (made.type == '3' || made.mtime_seconds > 1'600'000'000) {
            const timespec times[2] = {};
            utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
        }
    });
    return manifest(root);
}

Result<UnpackReport> unpack(const UnpackPlace& place, const Tree& entries) {
    MemoryBlob blob(tar(entries));
    return unpack_layer(blob, Encoding::plain, place.target, {.writers = 1}, {});
}

// Into `place`, from `leader`.
Status clone_onto(const UnpackPlace& place, const UnpackPlace& leader, const RebaseWork& work) {
    TRY_ASSIGN(const Fd from, open_directory(leader.target.root));
    TRY_ASSIGN(const Fd to, open_directory(place.target.root));
    TRY_ASSIGN(Usage usage, clone_layer(from.get(), work, to.get(), 0, {}));
    TRY_ASSIGN(const RebaseChange change, rebase_layer(to.get(), work, place.target.lowerdirs));
    usage.inodes += change.added.inodes;
    usage.size_bytes += change.added.size_bytes;
    TRY_ASSIGN(const Usage measured, measure_usage(to.get()));
    return usage == measured ? Status{} : fail(ErrorCode::internal, "counted another usage");
}

// `is_known`: the leader had its lowerdirs when it was unpacked.
void check(const Tree& entries, bool is_known) {
    UnpackPlace leader(WhiteoutMode::overlay, kBelowLeader);
    if (!is_known) {
        leader.target.lowerdirs.clear();
    }
    const UnpackPlace alone(WhiteoutMode::overlay, kBelowFollower);
    const UnpackPlace follower(WhiteoutMode::overlay, kBelowFollower);
    const auto report = unpack(leader, entries);
    RC_ASSERT(report && unpack(alone, entries));
    const RebaseWork& work = is_known ? report->rebased : report->rebase;
    const auto cloned = clone_onto(follower, leader, work);
    if (work.root_is_opaque) {
        RC_ASSERT(!cloned && cloned.error().code == ErrorCode::failed_precondition);
        return;
    }
    if (!cloned) {
        RC_FAIL(cloned.error().message + shown(entries));
    }
    RC_LOG() << shown(entries) << "\n";
    RC_ASSERT(manifest_of(follower.target.root) == manifest_of(alone.target.root));
}

class CloneLayer : public testing::Test {
  protected:
    void SetUp() override {
        if (!is_root()) {
            GTEST_SKIP() << "needs root: archives set owners and make whiteouts";
        }
        setenv("RC_PARAMS", "seed=20 max_success=60 max_size=40", 0);
    }

    static bool holds(bool is_known) {
        return rc::check([=] {
            const auto entries = *rc::gen::container<Tree>(any_entry());
            check(accepted_entries(entries, WhiteoutMode::overlay, {}), is_known);
        });
    }
};

TEST_F(CloneLayer, OfALayerAboveOthersIsWhatUnpackingElsewhereGives) {
    EXPECT_TRUE(holds(true));
}

TEST_F(CloneLayer, OfALayerWithoutItsParentsIsWhatUnpackingElsewhereGives) {
    EXPECT_TRUE(holds(false));
}

} // namespace
} // namespace lamina::test
