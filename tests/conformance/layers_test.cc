// SPDX-License-Identifier: Apache-2.0
// Each layer changes the tree below it through the mount; what the stack shows must be what the
// same changes make of a plain directory.
#include <filesystem>

#include "tests/conformance/suite.h"
#include "tests/support/tree.h"

namespace lamina::test {
namespace {

namespace stdfs = std::filesystem;

std::function<void(const std::string&)> entries(const Tree& tree) {
    return [tree](const std::string& root) { make_tree(root, tree); };
}

void chown_tree_entry(const std::string& path, unsigned uid, unsigned gid) {
    ASSERT_EQ(::lchown(path.c_str(), uid, gid), 0) << path;
}

TEST_P(SnapshotterSuite, LayerFileupdate) {
    // Sizes and times that stay the same while the content changes are what a lazy comparison
    // would miss.
    check_layers(
        {entries({dir("etc"), file("etc/hosts", "host 10.0.0.1"), file("etc/profile", "PATH=1")}),
         entries({file("etc/hosts", "host 10.0.0.2"), file("etc/profile", "PATH=22", 0666),
                  dir("root", 0700), file("root/.profile", "x")}),
         entries({file("etc/hosts", "host 10.0.0.3"), file("root/.profile", "y")}),
         entries({file("etc/hosts", "host 10.0.0.3", 0600)}), entries({file("etc/hosts", "")})});
}

TEST_P(SnapshotterSuite, RemoveDirectoryInLowerLayer) {
    check_layers({entries({dir("lib"), file("lib/hidden", "x")}),
                  [](const std::string& root) {
                      stdfs::remove_all(root + "/lib");
                      make_tree(root, {dir("lib"), file("lib/not-hidden", "y")});
                  },
                  entries({file("lib/new", "z")})});
}

TEST_P(SnapshotterSuite, Chown) {
    check_layers({entries({dir("opt", 0700), dir("opt/a", 0700), file("opt/a/b.txt", "b")}),
                  [](const std::string& root) {
                      chown_tree_entry(root + "/opt", 1, 1);
                      chown_tree_entry(root + "/opt/a", 2, 2);
                      chown_tree_entry(root + "/opt/a/b.txt", 3, 3);
                  }});
}

TEST_P(SnapshotterSuite, DirectoryPermissionOnCommit) {
    check_layers({entries({dir("dir1", 0700), dir("dir2", 0700), dir("dir3", 0700),
                           dir("dir4", 0700), dir("dir5", 0700).owner(1, 1)}),
                  [](const std::string& root) {
                      make_tree(root, {dir("dir1", 0755), dir("dir4", 0755)});
                      chown_tree_entry(root + "/dir2", 2, 2);
                      stdfs::remove(root + "/dir3");
                      make_tree(root, {dir("dir3", 0711), file("dir5/in", "x")});
                  },
                  [](const std::string& root) {
                      make_tree(root, {dir("dir2", 01777).owner(2, 2), file("dir4/in", "x")});
                  }});
}

TEST_P(SnapshotterSuite, DeletedFilesInChildSnapshot) {
    check_layers(
        {entries({file("foo", "foo"), file("bar", "bar"), dir("dir"), file("dir/in", "x")}),
         [](const std::string& root) {
             stdfs::remove(root + "/foo");
             stdfs::remove_all(root + "/dir");
         },
         entries({file("foo", "again")})});
}

TEST_P(SnapshotterSuite, MoveFileFromLowerLayer) {
    check_layers({entries({dir("dir1"), file("dir1/f1", "f1"), dir("dir2"), file("dir2/f2", "f2")}),
                  [](const std::string& root) {
                      stdfs::create_hard_link(root + "/dir1/f1", root + "/dir2/f1");
                      stdfs::remove(root + "/dir1/f1");
                      stdfs::rename(root + "/dir2/f2", root + "/dir1/f2");
                  }});
}

TEST_P(SnapshotterSuite, Rename) {
    // containerd's suite renames a directory of a lower layer too, but not on overlayfs, which
    // answers EXDEV unless redirect_dir is on.
    check_layers({entries({dir("somefiles"), file("somefiles/f1", "was here first!"),
                           file("somefiles/f2", "nothing interesting")}),
                  [](const std::string& root) {
                      stdfs::rename(root + "/somefiles/f1", root + "/somefiles/f1.new");
                      make_tree(root, {dir("dir1")});
                      stdfs::rename(root + "/dir1", root + "/dir2");
                      stdfs::rename(root + "/somefiles/f2", root + "/dir2/f2");
                  },
                  [](const std::string& root) {
                      stdfs::rename(root + "/somefiles/f1.new", root + "/somefiles/f1");
                  }});
}

} // namespace
} // namespace lamina::test
