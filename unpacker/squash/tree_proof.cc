// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/tree_proof.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "unpacker/base/limits.h"
#include "unpacker/base/stop.h"
#include "unpacker/base/text.h"
#include "unpacker/index/path_order.h"
#include "unpacker/merge/layer_trees.h"
#include "unpacker/merge/merge.h"
#include "unpacker/pipeline/blob_source.h"
#include "unpacker/squash/decoded_stream.h"
#include "unpacker/squash/layer_stream.h"

namespace lamina {
namespace {

// What one stack shows, name by name.
class Shown {
  public:
    // `roots` are those of the lowest layers; those above them are not on disk.
    static Result<Shown> open(const std::vector<const LayerIndex*>& indexes,
                              const std::vector<int>& roots, size_t shared) {
        TRY_ASSIGN(Merge merge, Merge::open({indexes, {}}));
        TRY_ASSIGN(LayerTrees trees, LayerTrees::open(roots));
        return Shown(std::move(merge), std::move(trees), indexes.size() - shared,
                     indexes.size() - roots.size());
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
    Result<FileBlob> open_content() {
        MergedEntry on_disk = *merged_;
        on_disk.layer -= without_tree_;
        TRY_ASSIGN(Fd file, trees_.open_entry(on_disk));
        return FileBlob(std::move(file));
    }

  private:
    Shown(Merge merge, LayerTrees trees, size_t own, size_t without_tree)
        : merge_(std::move(merge)), trees_(std::move(trees)), own_(own),
          without_tree_(without_tree) {}

    Merge merge_;
    LayerTrees trees_;
    size_t own_;          // layers above the shared ones
    size_t without_tree_; // those of them that are not on disk
    const MergedEntry* merged_ = nullptr;
};

// read_fully(), of a file known as `path`.
Result<size_t> read_file(FileBlob& file, const std::string& path, std::span<std::byte> buffer) {
    auto got = read_fully(file, buffer);
    return got ? got : fail(with_context(shortened(path), got.error()));
}

// Compares files that go by with what the source shows under their names.
class SourceFiles final : public FileVisitor {
  public:
    explicit SourceFiles(Shown source) : source_(std::move(source)) { source_.next(); }

    // Names that are not the source's, or no files of this size there, are for others to tell.
    Status begin(const IndexEntry& file) override {
        path_ = file.path;
        file_.reset();
        while (source_.current() != nullptr &&
               compare_paths(source_.current()->entry->path, path_) < 0) {
            source_.next();
        }
        const MergedEntry* same = source_.current();
        if (same != nullptr && same->entry->path == path_ && same->entry->type == file.type &&
            same->entry->size_bytes == file.size_bytes && !different_) {
            TRY_ASSIGN(file_, source_.open_content());
        }
        return {};
    }

    Status content(std::span<const std::byte> bytes) override {
        while (file_ && !bytes.empty()) {
            const size_t count = std::min(bytes.size(), buffer_.size());
            TRY_ASSIGN(const size_t got, read_file(*file_, path_, std::span(buffer_).first(count)));
            if (got != count || std::memcmp(buffer_.data(), bytes.data(), count) != 0) {
                different_ = path_;
                file_.reset();
            }
            bytes = bytes.subspan(count);
        }
        return {};
    }

    Status end() override { return {}; }

    // The first one.
    [[nodiscard]] const std::optional<std::string>& different() const { return different_; }

  private:
    Shown source_;
    std::string path_;
    std::optional<FileBlob> file_; // open while the two are the same
    std::vector<std::byte> buffer_ = std::vector<std::byte>(limits::kBlobReadBytes);
    std::optional<std::string> different_;
};

class Comparison {
  public:
    Comparison(Shown before, Shown after, std::optional<int64_t> mtime_max)
        : before_(std::move(before)), after_(std::move(after)), mtime_max_(mtime_max),
          buffers_{std::vector<std::byte>(limits::kBlobReadBytes),
                   std::vector<std::byte>(limits::kBlobReadBytes)} {}

    Result<std::optional<TreeDifference>> run(const std::stop_token& stop) {
        before_.next();
        after_.next();
        while (before_.current() != nullptr || after_.current() != nullptr) {
            TRY(check_stop(stop));
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
        // What is not in a shared layer was compared when it went by.
        const auto shared = after_.shared_layer();
        if (!has_content || !shared || shared == before_.shared_layer()) {
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
        TRY_ASSIGN(FileBlob a, before_.open_content());
        TRY_ASSIGN(FileBlob b, after_.open_content());
        const std::string& path = before_.current()->entry->path;
        while (true) {
            TRY_ASSIGN(const size_t got_a, read_file(a, path, buffers_[0]));
            TRY_ASSIGN(const size_t got_b, read_file(b, path, buffers_[1]));
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
    std::vector<std::byte> buffers_[2];
};

} // namespace

Status TreeProof::add_layer(ByteSource& blob, Encoding encoding, const Digest& diff_id,
                            const std::stop_token& stop) {
    TRY_ASSIGN(Shown source, Shown::open(source_.indexes, source_.roots, kept_));
    SourceFiles files(std::move(source));
    DecodedStream stream(blob, encoding);
    auto index = read_layer_stream([&] { return stream.next(); }, files, stop);
    if (!index && index.error().code == ErrorCode::canceled) {
        return fail(index.error());
    }
    TRY_ASSIGN(const Digest read, stream.digest()); // its error is the cause of others
    if (!index) {
        return fail(index.error());
    }
    if (read != diff_id) {
        return fail(ErrorCode::data_loss, fmt::format("the new layer {} was read back as {}",
                                                      diff_id.text(), read.text()));
    }
    const auto& other = files.different();
    if (other && (!other_content_ || compare_paths(*other, *other_content_) < 0)) {
        other_content_ = other;
    }
    result_.push_back(std::make_unique<LayerIndex>(*std::move(index)));
    return {};
}

Result<std::optional<TreeDifference>>
TreeProof::first_difference(const std::stop_token& stop) const {
    std::vector<const LayerIndex*> after;
    for (auto layer = result_.rbegin(); layer != result_.rend(); ++layer) {
        after.push_back(layer->get());
    }
    const auto kept_from = static_cast<std::ptrdiff_t>(source_.indexes.size() - kept_);
    after.insert(after.end(), source_.indexes.begin() + kept_from, source_.indexes.end());
    const std::vector<int> kept_roots(source_.roots.begin() + kept_from, source_.roots.end());
    TRY_ASSIGN(Shown shown_before, Shown::open(source_.indexes, source_.roots, kept_));
    TRY_ASSIGN(Shown shown_after, Shown::open(after, kept_roots, kept_));
    TRY_ASSIGN(auto difference,
               Comparison(std::move(shown_before), std::move(shown_after), mtime_max_).run(stop));
    if (other_content_ && (!difference || compare_paths(*other_content_, difference->path) < 0)) {
        return TreeDifference{*other_content_, "content"};
    }
    return difference;
}

} // namespace lamina
