// SPDX-License-Identifier: Apache-2.0
// The rules are numbered as in unpacker/README.md, "Merging".
#include "unpacker/merge/write_tree.h"

#include <cerrno>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "unpacker/base/text.h"
#include "unpacker/index/path_order.h"
#include "unpacker/merge/overlay_marks.h"
#include "unpacker/tree/clone_inode.h"

namespace lamina {
namespace {

constexpr uint64_t kBlockUnit = 512; // of st_blocks, stat(2)

// link(2): what says that another inode is needed. EPERM is said of immutable files and by
// filesystems without links, EXDEV also between project quotas.
bool needs_another_inode(int sys_errno) {
    return sys_errno == EXDEV || sys_errno == EMLINK || sys_errno == EPERM ||
           sys_errno == EOPNOTSUPP;
}

// What readdir(3) would say of the entry; its file type bits are those of stat, shifted.
unsigned char directory_type(NodeType type) {
    switch (type) {
    case NodeType::file:
        return DT_REG;
    case NodeType::symlink:
        return DT_LNK;
    case NodeType::block_device:
        return DT_BLK;
    case NodeType::fifo:
        return DT_FIFO;
    case NodeType::socket:
        return DT_SOCK;
    default:
        return DT_CHR;
    }
}

class TreeWriter {
  public:
    TreeWriter(LayerTrees& layers, TreePath here, TreePath elsewhere, const WriteOptions& options)
        : layers_(layers), here_(std::move(here)), elsewhere_(std::move(elsewhere)),
          options_(options), cloner_(clone_state_) {
        clone_state_.can_reflink = options.leaves != LeafSource::copy;
    }

    Result<TreeReport> run(Merge& merge, const std::stop_token& stop) {
        while (const MergedEntry* const merged = merge.next()) {
            if (stop.stop_requested()) {
                return fail(ErrorCode::canceled, "merging stopped");
            }
            const std::string& path = merged->entry->path;
            TRY(leave_for(path));
            if (auto written = write(*merged); !written) {
                return fail(with_context(shortened(path), std::move(written).error()));
            }
        }
        while (!open_.empty()) {
            TRY(finish_last());
        }
        return report_;
    }

  private:
    // A directory of the tree that is not complete.
    struct Directory {
        std::string path;
        size_t layer = 0;
        bool is_opaque = false;
    };

    // Finishes directories until the one that holds `path` is the last, and goes there.
    Status leave_for(const std::string& path) {
        if (path.empty()) {
            return {};
        }
        while (open_.back().path != parent_path(path)) {
            TRY(finish_last());
        }
        return here_.move_to(parent_path(path));
    }

    Status write(const MergedEntry& merged) {
        switch (merged.entry->type) {
        case NodeType::directory:
            return make_directory(merged);
        case NodeType::whiteout:
            return make_whiteout(merged);
        default:
            return make_leaf(merged);
        }
    }

    // Closed to others until it is complete.
    Status make_directory(const MergedEntry& merged) {
        const std::string& path = merged.entry->path;
        const std::string name(last_name(path));
        if (!path.empty() && ::mkdirat(here_.fd(), name.c_str(), 0700) != 0) {
            return fail(errno_error("mkdirat", name));
        }
        open_.push_back({path, merged.layer, merged.is_opaque});
        ++report_.directories;
        return {};
    }

    // Rules 3 and 9: all that the topmost layer says of the directory, when nothing in it changes
    // any more. Children come before their parent. A default ACL would be inherited, were it there
    // earlier.
    Status finish_last() {
        const Directory directory = std::move(open_.back());
        open_.pop_back();
        TRY(here_.move_to(directory.path));
        TRY_ASSIGN(const Fd source, layers_.open_directory(directory.layer, directory.path));
        struct stat status{};
        if (::fstat(source.get(), &status) != 0) {
            return fail(errno_error("fstat", shortened(directory.path)));
        }
        TRY(InodeCloner::copy_metadata(source.get(), status, here_.fd()));
        TRY(remove_overlay_marks(here_.fd(), options_.form)); // rule 7
        if (directory.is_opaque) {
            TRY(set_opaque_mark(here_.fd(), options_.form)); // rules 3 and 5
        }
        return count_directory();
    }

    Status count_directory() {
        struct stat status{};
        if (::fstat(here_.fd(), &status) != 0) {
            return fail(errno_error("fstat", "directory"));
        }
        ++report_.own.inodes;
        report_.own.size_bytes += static_cast<uint64_t>(status.st_blocks) * kBlockUnit;
        return {};
    }

    // Rule 10.
    Status make_whiteout(const MergedEntry& merged) {
        const std::string name(last_name(merged.entry->path));
        ++report_.whiteouts;
        if (!last_whiteout_.empty()) {
            TRY_ASSIGN(const bool is_linked, link_within(last_whiteout_, name));
            if (is_linked) {
                return {};
            }
        }
        if (::mknodat(here_.fd(), name.c_str(), S_IFCHR, makedev(0, 0)) != 0) {
            return fail(errno_error("mknodat", name));
        }
        last_whiteout_ = merged.entry->path;
        ++report_.own.inodes;
        return {};
    }

    // Rule 11 first: whatever inode the first name got, the others get too.
    Status make_leaf(const MergedEntry& merged) {
        const std::string name(last_name(merged.entry->path));
        ++report_.leaves;
        if (!merged.link_to.empty()) {
            TRY_ASSIGN(const bool is_linked, link_within(merged.link_to, name));
            if (is_linked) {
                return {};
            }
        }
        TRY_ASSIGN(const NameAt source, layers_.find(merged));
        if (is_shared(merged)) {
            TRY_ASSIGN(const bool is_linked, link(source.directory, name, name));
            if (is_linked) {
                return {};
            }
        }
        return copy(merged, source);
    }

    // Rule 7: a link would carry the marks along.
    [[nodiscard]] bool is_shared(const MergedEntry& merged) const {
        return options_.leaves == LeafSource::hard_link && !merged.entry->has_overlay_marks &&
               !options_.active_layers.contains(merged.layer);
    }

    // A second name for what is `path` in the tree. False where its inode can have no more.
    Result<bool> link_within(const std::string& path, const std::string& name) {
        TRY(elsewhere_.move_to(parent_path(path)));
        return link(elsewhere_.fd(), std::string(last_name(path)), name);
    }

    Result<bool> link(int directory, const std::string& from, const std::string& name) {
        if (::linkat(directory, from.c_str(), here_.fd(), name.c_str(), 0) == 0) {
            return true;
        }
        return needs_another_inode(errno) ? Result<bool>(false) : fail(errno_error("linkat", name));
    }

    // Rules 7 and 9.
    Status copy(const MergedEntry& merged, const NameAt& at) {
        TRY_ASSIGN(const auto source, InodeCloner::open(at.directory, at.name.c_str(),
                                                        directory_type(merged.entry->type)));
        TRY_ASSIGN(const uint64_t bytes, cloner_.make(source, here_.fd()));
        if (merged.entry->has_overlay_marks) {
            TRY(remove_overlay_marks_at(here_.fd(), at.name, options_.form));
        }
        ++report_.copied_inodes;
        ++report_.own.inodes;
        report_.own.size_bytes += bytes;
        return {};
    }

    LayerTrees& layers_;
    TreePath here_;      // in the tree, where the next name is made
    TreePath elsewhere_; // in the tree, where a name is linked from
    const WriteOptions& options_;
    CloneState clone_state_;
    InodeCloner cloner_;
    std::vector<Directory> open_;
    std::string last_whiteout_;
    TreeReport report_;
};

} // namespace

Result<TreeReport> write_tree(Merge& merge, LayerTrees& layers, int output,
                              const WriteOptions& options, const std::stop_token& stop) {
    TRY_ASSIGN(TreePath here, TreePath::open(output));
    TRY_ASSIGN(TreePath elsewhere, TreePath::open(output));
    return TreeWriter(layers, std::move(here), std::move(elsewhere), options).run(merge, stop);
}

} // namespace lamina
