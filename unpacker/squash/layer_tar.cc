// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/layer_tar.h"

#include <set>
#include <string>

#include <fmt/format.h>

#include "unpacker/base/limits.h"
#include "unpacker/base/stop.h"
#include "unpacker/base/text.h"
#include "unpacker/tar_writer/tar_writer.h"

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

// The directories that a merge is in. Entries of a merge live for one step only, so these are
// copies.
class OpenDirectories {
  public:
    struct Directory {
        IndexEntry entry;
        size_t layer = 0;
        bool is_opaque = false;
        bool is_written = false;
    };

    // Leaves those that do not hold the entry, and enters it if it is one.
    void follow(const MergedEntry& merged, bool is_written) {
        const std::string& path = merged.entry->path;
        while (!open_.empty() && !path.starts_with(open_.back().entry.path + "/")) {
            open_.pop_back();
        }
        if (merged.entry->type == NodeType::directory && !path.empty()) {
            open_.push_back({*merged.entry, merged.layer, merged.is_opaque, is_written});
        }
    }

    // From the root's side.
    std::vector<Directory>& all() { return open_; }

  private:
    std::vector<Directory> open_;
};

class LayerTar {
  public:
    LayerTar(const MergeLayers& layers, LayerContents& contents, const LayerTarOptions& options,
             ByteSink& tar, const std::stop_token& stop)
        : layers_(layers), contents_(contents), options_(options),
          writer_(tar, {options.mtime_max}), stop_(stop), buffer_(limits::kBlobReadBytes) {}

    Result<LayerTarReport> write() {
        if (options_.part == 0) {
            TRY(write_whiteouts());
        }
        TRY(write_rest());
        TRY(writer_.finish());
        return report_;
    }

  private:
    Status write_whiteouts() {
        TRY_ASSIGN(Merge merge, Merge::open(layers_));
        OpenDirectories open;
        while (const MergedEntry* merged = merge.next()) {
            TRY(check_stop(stop_));
            open.follow(*merged, false);
            const bool is_whiteout = merged->entry->type == NodeType::whiteout;
            if (is_whiteout || merged->is_opaque) {
                for (const auto& directory : open.all()) {
                    written_.insert(directory.entry.path);
                }
                TRY(write_directories(open));
            }
            if (is_whiteout) {
                TRY(writer_.add_whiteout(merged->entry->path));
                ++report_.whiteouts;
            }
        }
        return {};
    }

    Status write_directories(OpenDirectories& open) {
        for (auto& directory : open.all()) {
            if (!directory.is_written) {
                directory.is_written = true;
                TRY(write_entry({&directory.entry, directory.layer, directory.is_opaque, {}}));
            }
        }
        return {};
    }

    Status write_rest() {
        TRY_ASSIGN(Merge merge, Merge::open(layers_));
        OpenDirectories open;
        SplitWalk walk(options_.split);
        while (const MergedEntry* merged = merge.next()) {
            TRY(check_stop(stop_));
            open.follow(*merged, written_.contains(merged->entry->path));
            const bool is_here = walk.next(*merged) == options_.part;
            if (!is_here || merged->entry->path.empty() ||
                merged->entry->type == NodeType::whiteout) {
                continue;
            }
            TRY(write_directories(open));
            if (merged->entry->type != NodeType::directory) {
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
            TRY_ASSIGN(entry.xattrs, contents_.xattrs_of(merged));
        }
        TRY(writer_.add(entry));
        ++report_.entries;
        if (entry.type == EntryType::file && entry.size_bytes > 0) {
            TRY(write_content(merged));
        }
        if (merged.is_opaque && options_.part == 0) {
            TRY(writer_.add_opaque(from.path));
            ++report_.whiteouts;
        }
        return {};
    }

    Status write_content(const MergedEntry& merged) {
        TRY_ASSIGN(const auto file, contents_.open(merged));
        for (uint64_t left = merged.entry->size_bytes; left > 0;) {
            TRY(check_stop(stop_)); // the file may be large
            const std::span room(buffer_.data(), std::min<uint64_t>(left, buffer_.size()));
            const auto got = file->read(room);
            if (!got) {
                return fail(with_context(shortened(merged.entry->path), got.error()));
            }
            if (*got == 0) {
                return fail(ErrorCode::aborted,
                            fmt::format("{} was changed meanwhile", shortened(merged.entry->path)));
            }
            TRY(writer_.write(room.first(*got)));
            left -= *got;
        }
        return {};
    }

    const MergeLayers& layers_;
    LayerContents& contents_;
    const LayerTarOptions& options_;
    TarWriter writer_;
    const std::stop_token& stop_;
    std::vector<std::byte> buffer_;
    std::set<std::string> written_; // directories that came with whiteouts
    LayerTarReport report_;
};

} // namespace

Result<LayerTarReport> write_layer_tar(const MergeLayers& layers, LayerContents& contents,
                                       const LayerTarOptions& options, ByteSink& tar,
                                       const std::stop_token& stop) {
    return LayerTar(layers, contents, options, tar, stop).write();
}

} // namespace lamina
