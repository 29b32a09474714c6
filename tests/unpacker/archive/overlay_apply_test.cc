// SPDX-License-Identifier: Apache-2.0
// containerd's TestOverlayApply and TestOverlayApplyNoParents: sequences of layers (named after
// continuity's fs/fstest suite) are applied each to its own upper directory; after every step the
// kernel's merged view must equal the tree that plain system calls made.
#include <filesystem>
#include <functional>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/overlay_mount.h"
#include "tests/support/process.h"
#include "tests/unpacker/archive/archive_test.h"
#include "tests/unpacker/archive/diff.h"

namespace lamina::test {
namespace {

namespace fs = std::filesystem;

using Step = std::function<void(const std::string& root)>;

Step made(const Tree& tree) {
    return [tree](const std::string& root) { make_tree(root, tree); };
}

Step removed(const std::string& name) {
    return [name](const std::string& root) { fs::remove_all(root + "/" + name); };
}

// Takes the file away first: the other names of its inode keep the old content.
Step replaced(const Entry& entry) {
    return [entry](const std::string& root) {
        fs::remove(root + "/" + entry.name);
        make_tree(root, {entry});
    };
}

Step linked(const std::string& name, const std::string& new_name) {
    return [=](const std::string& root) {
        fs::create_hard_link(root + "/" + name, root + "/" + new_name);
    };
}

Step mode_changed(const std::string& name, unsigned mode) {
    return [=](const std::string& root) { EXPECT_EQ(chmod((root + "/" + name).c_str(), mode), 0); };
}

// One layer of a sequence.
using Layer = std::vector<Step>;

Layer base() {
    return {
        made({dir("etc"), file("etc/hosts", "127.0.0.1 localhost"),
              file("etc/profile", "PATH=/usr/bin", 0640), dir("usr"), dir("usr/bin"),
              file("usr/bin/tool", "binary", 04755).owner(0, 8), symlink("tool", "usr/bin/alias"),
              dir("home"), dir("home/user", 0700).owner(1000, 1000),
              file("home/user/.rc", "x", 0600).owner(1000, 1000), dir("tmp", 01777)})};
}

// The lowest directory is made without whiteouts, as the first layer of an image is.
class Fsuite : public ArchiveTest {
  protected:
    void apply_all(const std::vector<Layer>& layers, ParentEntries parents) {
        make_tree(temp_.path(), {dir("layers"), dir("before"), dir("after")});
        for (size_t i = 0; i < layers.size(); ++i) {
            SCOPED_TRACE(testing::Message() << "layer " << i);
            for (const Step& step : layers[i]) {
                step(temp_ / "after");
            }
            apply(diff(temp_ / "before", temp_ / "after", parents));
            if (!compare() || HasFailure()) {
                return;
            }
            fs::remove_all(temp_ / "before");
            ASSERT_EQ(run({"cp", "-a", temp_ / "after", temp_ / "before"}), 0);
        }
    }

    void TearDown() override {
        for (const char* name : {"layers", "before", "after", "merged", "merged.empty"}) {
            fs::remove_all(temp_ / name);
        }
        ArchiveTest::TearDown();
    }

  private:
    void apply(const Tree& layer) {
        UnpackTarget target;
        target.root = temp_.path() + "/layers/" + std::to_string(lowerdirs_.size());
        target.lowerdirs = lowerdirs_;
        target.whiteouts =
            lowerdirs_.empty() ? WhiteoutMode::delete_in_place : WhiteoutMode::overlay;
        fs::create_directory(target.root);
        const auto result = unpack_to(target, tar(layer));
        ASSERT_TRUE(result) << result.error().message;
        lowerdirs_.insert(lowerdirs_.begin(), target.root);
    }

    // Directory times are left out: the differ, like containerd's, does not look at them.
    bool compare() {
        OverlayMount merged(lowerdirs_, temp_ / "merged");
        EXPECT_TRUE(merged.mounted()) << merged.error();
        if (!merged.mounted()) {
            return false;
        }
        EXPECT_EQ(manifest(merged.path(), ManifestTimes::without_directories),
                  manifest(temp_ / "after", ManifestTimes::without_directories));
        return true;
    }

    std::vector<std::string> lowerdirs_;
};

struct Sequence {
    const char* name;
    std::vector<Layer> layers;
};

const std::vector<Sequence>& sequences() {
    static const std::vector<Sequence> all = {
        {"Basic",
         {base(),
          {replaced(file("etc/hosts", "127.0.0.1 localhost.localdomain")), removed("etc/profile"),
           made({dir("opt"), file("opt/new", "x"), symlink("/opt/new", "opt/link")})},
          {made({file("opt/new", "rewritten"), file("etc/profile", "back again")}),
           removed("opt/link")}}},
        {"Deletion",
         {base(),
          {made({dir("var"), dir("var/lib"), file("var/lib/a", "a"), dir("var/lib/b"),
                 file("var/lib/b/c", "c")})},
          {removed("var/lib/b"), removed("home")},
          {removed("var"), made({dir("home"), file("home/other", "x")})},
          {made({dir("var"), file("var/new", "x")})}}},
        {"Update",
         {base(),
          {made({file("etc/hosts", "one"), file("usr/bin/tool", "changed", 0755)})},
          {made({file("etc/hosts", "two").mtime(1'700'000'000, 5)})},
          {removed("usr/bin"), made({file("usr/bin", "a file now")})},
          {removed("usr/bin"), made({dir("usr/bin"), file("usr/bin/tool", "a directory again")})}}},
        {"DirectoryPermission",
         {base(),
          {mode_changed("home/user", 0750), mode_changed("tmp", 0755), mode_changed("etc", 0700)},
          {mode_changed("etc", 01777), made({dir("etc/sub", 02755)})}}},
        {"ParentDirectoryPermission",
         {{made({dir("root", 0700), dir("user", 0755).owner(1000, 1001), dir("shared", 03777),
                 dir("shared/deep", 0711).owner(7, 7)})},
          {made({file("root/f", "x"), file("user/f", "x"), file("shared/deep/f", "x")})},
          {made({file("root/g", "x"), dir("user/d"), file("shared/deep/h", "x")}),
           removed("user/f")}}},
        {"HardlinkUnmodified", {base(), {linked("etc/hosts", "etc/zz-hosts")}}},
        {"HardlinkBeforeUnmodified",
         {base(), {linked("etc/hosts", "etc/before-hosts")}, {linked("etc/hosts", "before")}}},
        {"HardlinkBeforeModified",
         {base(),
          {replaced(file("etc/hosts", "new")), linked("etc/hosts", "etc/before-hosts")},
          {replaced(file("etc/before-hosts", "own again")), removed("etc/hosts")}}},
    };
    return all;
}

class FsuiteTest : public Fsuite {
  protected:
    void run_sequence(const char* name, ParentEntries parents) {
        for (const Sequence& sequence : sequences()) {
            if (sequence.name == std::string(name)) {
                return apply_all(sequence.layers, parents);
            }
        }
        FAIL() << "no sequence " << name;
    }
};

class TestOverlayApply : public FsuiteTest {};
class TestOverlayApplyNoParents : public FsuiteTest {};
LAMINA_EVERY_WAY(TestOverlayApply);
LAMINA_EVERY_WAY(TestOverlayApplyNoParents);

#define FSUITE(Name)                                                                               \
    TEST_P(TestOverlayApply, Name) {                                                               \
        run_sequence(#Name, ParentEntries::with);                                                  \
    }                                                                                              \
    TEST_P(TestOverlayApplyNoParents, Name) {                                                      \
        run_sequence(#Name, ParentEntries::without);                                               \
    }

FSUITE(Basic)
FSUITE(Deletion)
FSUITE(Update)
FSUITE(DirectoryPermission)
FSUITE(ParentDirectoryPermission)
FSUITE(HardlinkUnmodified)
FSUITE(HardlinkBeforeUnmodified)
FSUITE(HardlinkBeforeModified)

} // namespace
} // namespace lamina::test
