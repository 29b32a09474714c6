// SPDX-License-Identifier: Apache-2.0
// Random archives give the tree that the rules give when they are followed one by one. Another
// seed and more cases: RC_PARAMS="seed=7 max_success=5000".
#include <cstdlib>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/stat.h>

#include "tests/support/manifest.h"
#include "tests/support/memory_blob.h"
#include "tests/support/process.h"
#include "tests/support/random_entries.h"
#include "tests/support/reference_applier.h"
#include "tests/support/tar_builder.h"
#include "tests/support/tree.h"
#include "tests/unpacker/archive/archive_test.h"
#include "unpacker/layer/leaf_engine.h"

namespace lamina::test {
namespace {

// What an earlier layer left: in the root itself, or in a lowerdir.
const Tree kEarlier = {dir("a", 0711).owner(50, 51).mtime(70),
                       file("a/a", "earlier"),
                       dir("a/b", 0750).xattr("user.k", "v").mtime(71),
                       file("a/b/c", "earlier"),
                       dir("b", 0701).mtime(72),
                       dir("b/c"),
                       file("b/c/a", "earlier"),
                       hard_link("a/a", "b/b"),
                       symlink("a", "c")};

// A whiteout's time is that of its making.
std::string manifest_of(const std::string& root) {
    walk_tree(root, [&](const Entry& entry) {
        if (entry.type == '3') {
            const timespec times[2] = {};
            utimensat(AT_FDCWD, (root + "/" + entry.name).c_str(), times, AT_SYMLINK_NOFOLLOW);
        }
    });
    return manifest(root, ManifestTimes::without_directories);
}

void check_against_reference(WhiteoutMode mode, const Tree& entries) {
    const UnpackPlace expected(mode, kEarlier);
    ReferenceApplier reference(expected.target);
    for (const Entry& entry : entries) {
        RC_ASSERT(reference.apply(entry));
    }
    reference.finish();
    for (const UnpackOptions& way : every_way()) {
        const UnpackPlace found(mode, kEarlier);
        MemoryBlob blob(tar(entries));
        const auto result = unpack_layer(blob, Encoding::plain, found.target, way, {});
        if (!result) {
            RC_FAIL(result.error().message + shown(entries));
        }
        RC_LOG() << name_of(way.engine) << " " << way.writers << shown(entries) << "\n";
        RC_ASSERT(manifest_of(found.target.root) == manifest_of(expected.target.root));
        for (const auto& [name, seconds] : reference.directory_times()) {
            RC_ASSERT(read_entry(found.target.root + "/" + name, name).mtime_seconds == seconds);
        }
    }
}

class RandomArchive : public testing::Test {
  protected:
    void SetUp() override {
        if (!is_root()) {
            GTEST_SKIP() << "needs root: archives set owners and make whiteouts";
        }
        if (const auto engine = make_engine(EngineKind::io_uring); !engine) {
            GTEST_SKIP() << "needs both engines: " << engine.error().message;
        }
        setenv("RC_PARAMS", "seed=20 max_success=40 max_size=40", 0);
    }

    static bool holds(WhiteoutMode mode) {
        return rc::check([=] {
            const auto entries = *rc::gen::container<Tree>(any_entry());
            check_against_reference(mode, accepted_entries(entries, mode, kEarlier));
        });
    }
};

TEST_F(RandomArchive, InPlaceIsWhatTheRulesSay) {
    EXPECT_TRUE(holds(WhiteoutMode::delete_in_place));
}

TEST_F(RandomArchive, InAnOverlayIsWhatTheRulesSay) {
    EXPECT_TRUE(holds(WhiteoutMode::overlay));
}

} // namespace
} // namespace lamina::test
