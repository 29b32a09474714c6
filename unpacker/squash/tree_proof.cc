// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/tree_proof.h"

#include <algorithm>
#include <cstring>

#include <unistd.h>

#include "unpacker/base/limits.h"
#include "unpacker/base/text.h"
#include "unpacker/index/path_order.h"
#include "unpacker/merge/layer_trees.h"
#include "unpacker/merge/merge.h"

namespace lamina {
namespace {

// What one stack shows, name by name.
class Shown {
  public:
    static Result<Shown> open(const StackedLayers& layers, size_t shared) {
        TRY_ASSIGN(Merge merge, Merge::open({layers.indexes, {}}));
        TRY_ASSIGN(LayerTrees trees, LayerTrees::open(layers.roots));
        return Shown(std::move(merge), std::move(trees), layers.indexes.size() - shared);
    }

    // Passes over the root.
    const MergedEntry* next() {
        do {
            merged_ = merge_.next();
        } while (merged_ != nullptr && merged_->entry->path.empty());
        return merged_;
    }
    [[nodiscard]] const MergedEntry* current() const { return merged_; }

    // The place of the current entry's layer among those that are shared, if it is one of them.
    [[nodiscard]] std::optional<size_t> shared_layer() const {
        return merged_->layer < own_ ? std::nullopt : std::optional(merged_->layer - own_);
    }
    [[nodiscard]] timespec time(std::optional<int64_t> mtime_max) const {
        const timespec time = merged_->entry->modify_time;
        const bool is_later = !shared_layer() && mtime_max && time.tv_sec >= *mtime_max;
        return is_later ? timespec{*mtime_max, 0} : time;
    }
    Result<Fd> open_content() { return trees_.open_entry(*merged_); }

  private:
    Shown(Merge merge, LayerTrees trees, size_t own)
        : merge_(std::move(merge)), trees_(std::move(trees)), own_(own) {}

    Merge merge_;
    LayerTrees trees_;
    size_t own_; // layers above the shared ones
    const MergedEntry* merged_ = nullptr;
};

// Fills the buffer unless the file ends.
Result<size_t> read_full(int fd, std::span<char> buffer) {
    size_t filled = 0;
    while (filled < buffer.size()) {
        const ssize_t got = ::read(fd, buffer.data() + filled, buffer.size() - filled);
        if (got < 0) {
            return fail(errno_error("read", "file"));
        }
        if (got == 0) {
            break;
        }
        filled += static_cast<size_t>(got);
    }
    return filled;
}

class Comparison {
  public:
    Comparison(Shown before, Shown after, std::optional<int64_t> mtime_max)
        : before_(std::move(before)), after_(std::move(after)), mtime_max_(mtime_max),
          buffers_{std::vector<char>(limits::kBlobReadBytes),
                   std::vector<char>(limits::kBlobReadBytes)} {}

    Result<std::optional<TreeDifference>> run(const std::stop_token& stop) {
        before_.next();
        after_.next();
        while (before_.current() != nullptr || after_.current() != nullptr) {
            if (stop.stop_requested()) {
                return fail(ErrorCode::canceled, "stopped");
            }
            if (auto difference = missing_name()) {
                return difference;
            }
            TRY_ASSIGN(const char* what, difference_of_current());
            if (what != nullptr) {
                return TreeDifference{before_.current()->entry->path, what};
            }
            before_.next();
            after_.next();
        }
        return std::nullopt;
    }

  private:
    std::optional<TreeDifference> missing_name() const {
        const MergedEntry* before = before_.current();
        const MergedEntry* after = after_.current();
        if (before != nullptr && after != nullptr && before->entry->path == after->entry->path) {
            return std::nullopt;
        }
        if (after == nullptr ||
            (before != nullptr && compare_paths(before->entry->path, after->entry->path) < 0)) {
            return TreeDifference{before->entry->path, "missing"};
        }
        return TreeDifference{after->entry->path, "not in the source"};
    }

    // Null when there is none.
    Result<const char*> difference_of_current() {
        if (const char* what = difference_of_metadata()) {
            return what;
        }
        const bool has_content =
            before_.current()->entry->type == NodeType::file && before_.current()->link_to.empty();
        const auto shared = before_.shared_layer();
        if (!has_content || (shared && shared == after_.shared_layer())) {
            return nullptr;
        }
        return difference_of_content();
    }

    [[nodiscard]] const char* difference_of_metadata() const {
        const IndexEntry& a = *before_.current()->entry;
        const IndexEntry& b = *after_.current()->entry;
        if (a.type != b.type) {
            return "type";
        }
        if (a.mode != b.mode) {
            return "mode";
        }
        if (a.uid != b.uid || a.gid != b.gid) {
            return "owner";
        }
        if (a.size_bytes != b.size_bytes) {
            return "size";
        }
        if (a.target != b.target) {
            return "target";
        }
        if (a.device != b.device) {
            return "device";
        }
        if (a.xattrs != b.xattrs) {
            return "xattrs";
        }
        if (before_.current()->link_to != after_.current()->link_to) {
            return "hard link";
        }
        const timespec at = before_.time(mtime_max_);
        const timespec bt = b.modify_time;
        return at.tv_sec != bt.tv_sec || at.tv_nsec != bt.tv_nsec ? "mtime" : nullptr;
    }

    Result<const char*> difference_of_content() {
        TRY_ASSIGN(const Fd a, before_.open_content());
        TRY_ASSIGN(const Fd b, after_.open_content());
        while (true) {
            TRY_ASSIGN(const size_t got_a, read_full(a.get(), buffers_[0]));
            TRY_ASSIGN(const size_t got_b, read_full(b.get(), buffers_[1]));
            if (got_a != got_b || std::memcmp(buffers_[0].data(), buffers_[1].data(), got_a) != 0) {
                return "content";
            }
            if (got_a < buffers_[0].size()) {
                return nullptr;
            }
        }
    }

    Shown before_;
    Shown after_;
    std::optional<int64_t> mtime_max_;
    std::vector<char> buffers_[2];
};

} // namespace

Result<std::optional<TreeDifference>> first_difference(const StackedLayers& before,
                                                       const StackedLayers& after, size_t shared,
                                                       std::optional<int64_t> mtime_max,
                                                       const std::stop_token& stop) {
    TRY_ASSIGN(Shown shown_before, Shown::open(before, shared));
    TRY_ASSIGN(Shown shown_after, Shown::open(after, shared));
    return Comparison(std::move(shown_before), std::move(shown_after), mtime_max).run(stop);
}

} // namespace lamina
