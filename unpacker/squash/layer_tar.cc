// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/layer_tar.h"

#include <set>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "unpacker/base/limits.h"
#include "unpacker/base/text.h"
#include "unpacker/index/overlay_xattrs.h"
#include "unpacker/merge/layer_trees.h"
#include "unpacker/tar_writer/tar_writer.h"
#include "unpacker/tree/xattrs.h"

namespace lamina {
namespace {

EntryType type_of(NodeType type) {
    switch (type) {
    case NodeType::directory:
        return EntryType::directory;
    case NodeType::symlink:
        return EntryType::symlink;
    case NodeType::character_device:
        return EntryType::character_device;
    case NodeType::block_device:
        return EntryType::block_device;
    case NodeType::fifo:
        return EntryType::fifo;
    default:
        return EntryType::file;
    }
}

class LayerTar {
  public:
    LayerTar(const MergeLayers& layers, LayerTrees trees, std::optional<int64_t> mtime_max,
             ByteSink& tar, const std::stop_token& stop)
        : layers_(layers), trees_(std::move(trees)), writer_(tar, {mtime_max}), stop_(stop),
          buffer_(limits::kBlobReadBytes) {}

    Result<LayerTarReport> write() {
        TRY(write_whiteouts());
        TRY(write_rest());
        TRY(writer_.finish());
        return report_;
    }

  private:
    // A directory that the merge is in; entries of the merge live for one step only.
    struct OpenDirectory {
        IndexEntry entry;
        size_t layer = 0;
        bool is_opaque = false;
        bool is_written = false;
    };

    Status write_whiteouts() {
        TRY_ASSIGN(Merge merge, Merge::open(layers_));
        std::vector<OpenDirectory> open;
        while (const MergedEntry* merged = merge.next()) {
            const std::string& path = merged->entry->path;
            while (!open.empty() && !path.starts_with(open.back().entry.path + "/")) {
                open.pop_back();
            }
            if (merged->entry->type == NodeType::directory && !path.empty()) {
                open.push_back({*merged->entry, merged->layer, merged->is_opaque});
            } else if (merged->entry->type == NodeType::whiteout) {
                TRY(write_directories(open));
                TRY(writer_.add_whiteout(path));
                ++report_.whiteouts;
            }
        }
        return {};
    }

    Status write_directories(std::vector<OpenDirectory>& open) {
        for (OpenDirectory& directory : open) {
            if (!directory.is_written) {
                directory.is_written = true;
                written_.insert(directory.entry.path);
                TRY(write_entry({&directory.entry, directory.layer, directory.is_opaque, {}}));
            }
        }
        return {};
    }

    Status write_rest() {
        TRY_ASSIGN(Merge merge, Merge::open(layers_));
        while (const MergedEntry* merged = merge.next()) {
            if (stop_.stop_requested()) {
                return fail(ErrorCode::canceled, "stopped");
            }
            const bool is_done = merged->entry->path.empty() ||
                                 merged->entry->type == NodeType::whiteout ||
                                 written_.contains(merged->entry->path);
            if (!is_done) {
                TRY(write_entry(*merged));
            }
        }
        return {};
    }

    Status write_entry(const MergedEntry& merged) {
        const IndexEntry& from = *merged.entry;
        if (from.type == NodeType::socket) {
            return fail(ErrorCode::failed_precondition,
                        fmt::format("{}: a layer cannot hold a socket", shortened(from.path)));
        }
        Entry entry;
        entry.type = merged.link_to.empty() ? type_of(from.type) : EntryType::hard_link;
        entry.name = from.path;
        entry.link_name = merged.link_to.empty() ? from.target : merged.link_to;
        entry.mode = from.mode;
        entry.uid = from.uid;
        entry.gid = from.gid;
        entry.device = from.device;
        entry.modify_time = from.modify_time;
        entry.size_bytes = from.type == NodeType::file ? from.size_bytes : 0;
        if (from.xattrs) {
            TRY_ASSIGN(entry.xattrs, xattrs_of(merged));
        }
        TRY(writer_.add(entry));
        ++report_.entries;
        if (entry.type == EntryType::file && entry.size_bytes > 0) {
            TRY(write_content(merged));
        }
        if (merged.is_opaque) {
            TRY(writer_.add_opaque(from.path));
            ++report_.whiteouts;
        }
        return {};
    }

    Result<Xattrs> xattrs_of(const MergedEntry& merged) {
        TRY_ASSIGN(const NameAt at, trees_.find(merged));
        TRY_ASSIGN(XattrMap all, read_xattrs_at(at.directory, at.name));
        std::erase_if(all, [](const auto& xattr) {
            return is_overlay_mark(OverlayXattrs::trusted, xattr.first);
        });
        return Xattrs(all.begin(), all.end());
    }

    Status write_content(const MergedEntry& merged) {
        TRY_ASSIGN(const Fd file, trees_.open_entry(merged));
        for (uint64_t left = merged.entry->size_bytes; left > 0;) {
            const size_t wanted = std::min<uint64_t>(left, buffer_.size());
            const ssize_t got = ::read(file.get(), buffer_.data(), wanted);
            if (got < 0) {
                return fail(errno_error("read", shortened(merged.entry->path)));
            }
            if (got == 0) {
                return fail(ErrorCode::aborted,
                            fmt::format("{} was changed meanwhile", shortened(merged.entry->path)));
            }
            TRY(writer_.write(std::span(buffer_).first(static_cast<size_t>(got))));
            left -= static_cast<uint64_t>(got);
        }
        return {};
    }

    const MergeLayers& layers_;
    LayerTrees trees_;
    TarWriter writer_;
    const std::stop_token& stop_;
    std::vector<std::byte> buffer_;
    std::set<std::string> written_; // directories that came with their whiteouts
    LayerTarReport report_;
};

} // namespace

Result<LayerTarReport> write_layer_tar(const MergeLayers& layers, const std::vector<int>& roots,
                                       std::optional<int64_t> mtime_max, ByteSink& tar,
                                       const std::stop_token& stop) {
    TRY_ASSIGN(LayerTrees trees, LayerTrees::open(roots));
    return LayerTar(layers, std::move(trees), mtime_max, tar, stop).write();
}

} // namespace lamina
