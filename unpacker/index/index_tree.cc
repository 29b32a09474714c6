// SPDX-License-Identifier: Apache-2.0
#include "unpacker/index/index_tree.h"

#include <cerrno>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "unpacker/base/limits.h"
#include "unpacker/base/text.h"
#include "unpacker/index/index_builder.h"
#include "unpacker/index/inode_entry.h"
#include "unpacker/tree/directory_cursor.h"
#include "unpacker/tree/xattrs.h"

namespace lamina {
namespace {

class TreeIndexer {
  public:
    TreeIndexer(DirectoryCursor cursor, OverlayXattrs form, std::stop_token stop)
        : cursor_(std::move(cursor)), form_(form), stop_(std::move(stop)) {}

    Result<LayerIndex> run() {
        TRY_ASSIGN(Level root, add_root());
        TRY(list(std::move(root)));
        while (!levels_.empty()) {
            TRY(step());
        }
        return builder_.build();
    }

  private:
    struct Subdirectory {
        std::string name;
        bool holds_xattr_whiteouts = false;
    };
    struct Level {
        std::string path;
        bool holds_xattr_whiteouts = false;
        std::vector<Subdirectory> waiting;
    };

    Result<Level> add_root() {
        struct stat status{};
        if (::fstat(cursor_.fd(), &status) != 0) {
            return fail(errno_error("fstat", "layer"));
        }
        IndexEntry entry = entry_of("", status);
        TRY_ASSIGN(auto xattrs, read_xattrs(cursor_.fd()));
        const bool has_xattr_whiteouts = holds_xattr_whiteouts(xattrs);
        apply_xattrs(entry, std::move(xattrs), form_);
        entry.is_opaque = false; // the kernel does not heed it there
        builder_.add(std::move(entry));
        return Level{"", has_xattr_whiteouts, {}};
    }

    // Goes into the next directory that waits at this level, or one level up.
    Status step() {
        Level& level = levels_.back();
        if (level.waiting.empty()) {
            levels_.pop_back();
            return levels_.empty() ? Status{} : cursor_.leave();
        }
        Subdirectory next = std::move(level.waiting.back());
        level.waiting.pop_back();
        TRY(cursor_.enter(next.name));
        return list({below(level, next.name), next.holds_xattr_whiteouts, {}});
    }

    static std::string below(const Level& level, const std::string& name) {
        return level.path.empty() ? name : level.path + "/" + name;
    }

    // Adds what is in the directory where the cursor has come to.
    Status list(Level here) {
        levels_.push_back(std::move(here));
        return for_each_entry(cursor_.fd(), [this](const char* name, unsigned char) -> Status {
            if (stop_.stop_requested()) {
                return fail(ErrorCode::canceled, "indexing stopped");
            }
            return add(name);
        });
    }

    Status add(const std::string& name) {
        struct stat status{};
        if (::fstatat(cursor_.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
            return fail(errno_error("fstatat", name));
        }
        IndexEntry entry = entry_of(below(levels_.back(), name), status);
        if (status.st_dev != cursor_.device() || entry.path.size() > limits::kPathBytesMax) {
            return fail(ErrorCode::failed_precondition,
                        fmt::format("{}: on another filesystem, or too long for PATH_MAX",
                                    shortened(entry.path)));
        }
        if (entry.type == NodeType::symlink) {
            TRY_ASSIGN(entry.target, read_target(cursor_.fd(), name));
        }
        if (auto added = add_xattrs(entry, name); !added) {
            return fail(with_context(shortened(entry.path), std::move(added).error()));
        }
        note_link(entry, status);
        builder_.add(std::move(entry));
        return {};
    }

    Status add_xattrs(IndexEntry& entry, const std::string& name) {
        TRY_ASSIGN(auto xattrs, read_xattrs_at(cursor_.fd(), name));
        if (is_xattr_whiteout(entry, xattrs)) {
            entry.type = NodeType::whiteout;
            entry.size_bytes = 0;
        }
        if (entry.type == NodeType::directory) {
            levels_.back().waiting.push_back({name, holds_xattr_whiteouts(xattrs)});
        }
        apply_xattrs(entry, std::move(xattrs), form_);
        return {};
    }

    // overlayfs.rst, "whiteouts and opaque directories": an empty file with the mark, in a
    // directory that is marked "x".
    [[nodiscard]] bool is_xattr_whiteout(const IndexEntry& entry, const XattrMap& xattrs) const {
        return levels_.back().holds_xattr_whiteouts && entry.type == NodeType::file &&
               entry.size_bytes == 0 && xattrs.contains(overlay_xattr(form_, "whiteout"));
    }

    // Of a directory: it holds whiteouts in the form with xattrs.
    [[nodiscard]] bool holds_xattr_whiteouts(const XattrMap& xattrs) const {
        const auto mark = xattrs.find(overlay_xattr(form_, "opaque"));
        return mark != xattrs.end() && mark->second == "x";
    }

    void note_link(IndexEntry& entry, const struct stat& status) {
        if (status.st_nlink > 1 && entry.type != NodeType::directory &&
            entry.type != NodeType::whiteout) {
            const auto next = static_cast<uint32_t>(groups_.size() + 1);
            entry.link_group = groups_.try_emplace(status.st_ino, next).first->second;
        }
    }

    DirectoryCursor cursor_;
    const OverlayXattrs form_;
    const std::stop_token stop_;
    std::vector<Level> levels_;
    std::unordered_map<ino_t, uint32_t> groups_;
    IndexBuilder builder_;
};

} // namespace

Result<LayerIndex> index_tree(int root, OverlayXattrs form, const std::stop_token& stop) {
    TRY_ASSIGN(auto cursor, DirectoryCursor::open(root, "."));
    return TreeIndexer(std::move(cursor), form, stop).run();
}

} // namespace lamina
