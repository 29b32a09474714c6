// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/layer_stream.h"

#include <algorithm>
#include <deque>
#include <string>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "unpacker/base/stop.h"
#include "unpacker/base/text.h"
#include "unpacker/index/index_builder.h"
#include "unpacker/index/path_order.h"
#include "unpacker/squash/stream_entry.h"
#include "unpacker/tar/reader.h"

namespace lamina {
namespace {

constexpr std::string_view kWhiteoutPrefix = ".wh.";
constexpr std::string_view kReservedPrefix = ".wh..wh.";
constexpr std::string_view kOpaqueName = ".wh..wh..opq";

tl::unexpected<Error> odd(std::string_view path, std::string_view what) {
    return fail(ErrorCode::data_loss, fmt::format("{}: {}", shortened(path), what));
}

bool has_same_metadata(const IndexEntry& a, const IndexEntry& b) {
    return a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.xattrs == b.xattrs &&
           a.modify_time.tv_sec == b.modify_time.tv_sec &&
           a.modify_time.tv_nsec == b.modify_time.tv_nsec;
}

class LayerStreamReader {
  public:
    LayerStreamReader(std::function<std::optional<Slice>()> next_slice, FileVisitor& files,
                      const std::stop_token& stop)
        : reader_(std::move(next_slice)), files_(files), stop_(stop) {}

    Result<LayerIndex> run() {
        IndexEntry root;
        root.type = NodeType::directory;
        entries_.push_back(std::move(root));
        while (true) {
            TRY(check_stop(stop_));
            TRY_ASSIGN(const auto entry, reader_.next_entry());
            if (!entry) {
                return build();
            }
            TRY(add(*entry));
        }
    }

  private:
    Status add(const Entry& entry) {
        std::string path = entry.name;
        if (entry.type == EntryType::directory && path.ends_with('/')) {
            path.pop_back();
        }
        if (path.empty() || !directories_.contains(std::string(parent_path(path)))) {
            return odd(path, "the directory that holds it does not come before it");
        }
        const std::string_view name = last_name(path);
        if (name == kOpaqueName) {
            return add_opaque(parent_path(path));
        }
        if (name.starts_with(kReservedPrefix)) {
            return odd(path, "a name with a meaning that is not known");
        }
        if (name.starts_with(kWhiteoutPrefix)) {
            return add_whiteout(path, name);
        }
        return entry.type == EntryType::hard_link ? add_link(entry, std::move(path))
                                                  : add_node(entry, std::move(path));
    }

    Status add_opaque(std::string_view directory) {
        IndexEntry& last = entries_.back();
        if (directory.empty() || last.type != NodeType::directory || last.path != directory) {
            return odd(directory, "its opaque mark does not follow it");
        }
        last.is_opaque = true;
        return {};
    }

    Status add_whiteout(const std::string& path, std::string_view name) {
        if (has_leaf_) {
            return odd(path, "whiteout after other entries");
        }
        IndexEntry whiteout;
        whiteout.type = NodeType::whiteout;
        whiteout.path = path.substr(0, path.size() - name.size());
        whiteout.path += name.substr(kWhiteoutPrefix.size());
        return put(std::move(whiteout));
    }

    Status add_node(const Entry& entry, std::string path) {
        if (entry.type == EntryType::directory) {
            directories_.insert(path);
        }
        TRY(put(unpacked_entry(entry, std::move(path))));
        has_leaf_ = has_leaf_ || entry.type != EntryType::directory;
        return entry.type == EntryType::file ? visit(entries_.back()) : Status{};
    }

    Status add_link(const Entry& entry, std::string path) {
        const auto target = find(entry.link_name);
        if (target == entries_.end() || target->type == NodeType::directory ||
            target->type == NodeType::whiteout) {
            return odd(path, "hard link to what does not come before it");
        }
        IndexEntry link = unpacked_entry(entry, path);
        if (!has_same_metadata(link, *target)) {
            return odd(path, "hard link that would change what it links to");
        }
        if (target->link_group == 0) {
            target->link_group = ++link_groups_;
        }
        link = *target;
        link.path = std::move(path);
        return put(std::move(link));
    }

    // Entries are in path order, twice: first whiteouts with their directories, then the rest.
    Status put(IndexEntry entry) {
        if (compare_paths(entries_.back().path, entry.path) >= 0) {
            if (sorted_from_ != 0 || has_leaf_) {
                return odd(entry.path, "out of order");
            }
            sorted_from_ = entries_.size();
        }
        entries_.push_back(std::move(entry));
        return {};
    }

    std::deque<IndexEntry>::iterator find(std::string_view path) {
        const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(sorted_from_);
        const auto found = std::lower_bound(begin, entries_.end(), path,
                                            [](const IndexEntry& entry, std::string_view wanted) {
                                                return compare_paths(entry.path, wanted) < 0;
                                            });
        return found != entries_.end() && found->path == path ? found : entries_.end();
    }

    Status visit(const IndexEntry& file) {
        TRY(files_.begin(file));
        uint64_t seen = 0;
        while (seen < file.size_bytes) {
            TRY(check_stop(stop_)); // the file may be large
            TRY_ASSIGN(const auto block, reader_.next_block());
            if (!block || block->offset_bytes != seen) {
                return odd(file.path, "its content has holes");
            }
            TRY(files_.content(block->slice.bytes));
            seen += block->slice.bytes.size();
        }
        return files_.end();
    }

    Result<LayerIndex> build() {
        IndexBuilder builder;
        for (; !entries_.empty(); entries_.pop_front()) {
            builder.add(std::move(entries_.front()));
        }
        auto index = builder.build();
        if (!index) { // a name that is there twice, or is none
            return fail(ErrorCode::data_loss, index.error().message);
        }
        return index;
    }

    TarReader reader_;
    FileVisitor& files_;
    const std::stop_token& stop_;
    std::deque<IndexEntry> entries_; // goes piece by piece while the index is made
    size_t sorted_from_ = 0;         // where the second part begins
    bool has_leaf_ = false;
    uint32_t link_groups_ = 0;
    std::unordered_set<std::string> directories_{""};
};

} // namespace

Result<LayerIndex> read_layer_stream(std::function<std::optional<Slice>()> next_slice,
                                     FileVisitor& files, const std::stop_token& stop) {
    return LayerStreamReader(std::move(next_slice), files, stop).run();
}

} // namespace lamina
