// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/scratch_directory.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <thread>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "unpacker/base/processors.h"
#include "unpacker/tree/directory_cursor.h"
#include "unpacker/tree/remove_tree.h"
#include "unpacker/tree/tree_path.h"

namespace lamina {
namespace {

// A layer lies one level below the scratch directory, and most of its files below a few
// directories such as usr/lib and usr/share: deep enough to have something to share out.
constexpr unsigned kShareDepth = 4;

struct Subtree {
    std::string parent; // below the root
    std::string name;
};

// The directories at kShareDepth, and those at the ends of shorter ways.
void collect(DirectoryCursor& cursor, const std::string& path, unsigned depth,
             std::vector<Subtree>& out) {
    std::vector<std::string> directories;
    (void)for_each_entry(cursor.fd(), [&](const char* name, unsigned char type) -> Status {
        if (type == DT_DIR) {
            directories.emplace_back(name);
        }
        return {};
    });
    for (const std::string& name : directories) {
        if (depth == kShareDepth) {
            out.push_back({path, name});
        } else if (cursor.enter(name)) {
            collect(cursor, path.empty() ? name : path + "/" + name, depth + 1, out);
            if (!cursor.leave()) {
                return;
            }
        }
    }
}

void remove_subtrees(int root, const std::vector<Subtree>& subtrees) {
    std::atomic<size_t> next = 0;
    const auto remove_some = [&] {
        auto tree = TreePath::open(root);
        for (size_t i = next++; tree && i < subtrees.size(); i = next++) {
            if (tree->move_to(subtrees[i].parent)) {
                (void)remove_tree(tree->fd(), subtrees[i].name);
            }
        }
    };
    std::vector<std::jthread> helpers;
    for (unsigned i = 1; i < available_processors(); ++i) {
        helpers.emplace_back(remove_some);
    }
    remove_some();
}

Status inherit_nothing(int directory) {
    constexpr const char* kAcl = "system.posix_acl_default";
    constexpr mode_t kPrivate = 0700; // without S_ISGID
    if (::fremovexattr(directory, kAcl) != 0 && errno != ENODATA && errno != EOPNOTSUPP) {
        return fail(errno_error("fremovexattr", kAcl));
    }
    return ::fchmod(directory, kPrivate) == 0 ? Status{} : fail(errno_error("fchmod", "scratch"));
}

} // namespace

Result<ScratchDirectory> ScratchDirectory::create(const std::string& parent) {
    TRY_ASSIGN(Fd directory, open_file(parent, O_RDONLY | O_DIRECTORY));
    std::string path = parent + "/lamina-squash-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
        return fail(errno_error("mkdtemp", path));
    }
    ScratchDirectory made(std::move(directory), path.substr(parent.size() + 1), path);
    TRY_ASSIGN(const Fd inside, open_directory_at(made.parent_.get(), made.name_));
    TRY(inherit_nothing(inside.get()));
    return made;
}

ScratchDirectory::~ScratchDirectory() {
    if (!parent_.valid()) { // moved from
        return;
    }
    if (auto root = open_directory_at(parent_.get(), name_)) {
        std::vector<Subtree> subtrees;
        if (auto cursor = DirectoryCursor::open(root->get(), ".")) {
            collect(*cursor, "", 0, subtrees);
        }
        remove_subtrees(root->get(), subtrees);
    }
    (void)remove_tree(parent_.get(), name_); // and what is left, whatever it is
}

} // namespace lamina
