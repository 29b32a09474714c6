// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/layer_sketch.h"

#include <ctime>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unpacker/base/limits.h"
#include "unpacker/base/stop.h"
#include "unpacker/base/text.h"
#include "unpacker/index/index_builder.h"
#include "unpacker/index/path_order.h"
#include "unpacker/layer/entry_path.h"
#include "unpacker/squash/decoded_stream.h"
#include "unpacker/squash/stream_entry.h"
#include "unpacker/tar/reader.h"

namespace lamina {
namespace {

struct InPathOrder {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const {
        return compare_paths(a, b) < 0;
    }
};

// Of PAX records, but for the digits of their lengths.
uint64_t bytes_of(const XattrMap& xattrs) {
    uint64_t bytes = 0;
    for (const auto& [name, value] : xattrs) {
        bytes += std::string_view(" SCHILY.xattr.=\n").size() + name.size() + value.size();
    }
    return bytes;
}

class Sketcher {
  public:
    Sketcher(std::function<std::optional<Slice>()> next_slice,
             const std::vector<const LayerSketch*>& below)
        : reader_(std::move(next_slice)), below_(below) {
        IndexEntry root;
        root.type = NodeType::directory;
        nodes_[""] = std::move(root);
    }

    Result<LayerSketch> run() {
        while (true) {
            TRY_ASSIGN(const auto entry, reader_.next_entry());
            if (!entry) {
                return build();
            }
            TRY(add(*entry));
        }
    }

  private:
    // What the kernel would refuse is refused here as well, or it would have to be held.
    Status add(const Entry& entry) {
        if (entry.name.size() > limits::kPathBytesMax ||
            entry.link_name.size() > limits::kPathBytesMax) {
            return fail(ErrorCode::invalid_argument,
                        fmt::format("{}: name or target too long", shortened(entry.name)));
        }
        auto names = clean_components(entry.name);
        if (names.empty()) {
            return {};
        }
        const WhiteoutName whiteout = parse_whiteout(names.back());
        if (whiteout.kind == WhiteoutKind::none) {
            add_node(entry, joined(names));
            return {};
        }
        names.pop_back();
        if (whiteout.kind == WhiteoutKind::opaque) {
            opaque_.insert(joined(names));
        } else if (whiteout.kind == WhiteoutKind::name) {
            names.push_back(whiteout.hidden_name);
            hidden_.insert(joined(names));
        }
        return {};
    }

    static std::string joined(const std::vector<std::string>& names) {
        return fmt::format("{}", fmt::join(names, "/"));
    }

    void add_node(const Entry& entry, std::string path) {
        make_parents(path);
        IndexEntry node = unpacked_entry(entry, path);
        if (node.xattrs) {
            xattr_bytes_[*node.xattrs] = bytes_of(unpacked_xattrs(entry));
        }
        if (entry.type == EntryType::hard_link) {
            link_to(joined(clean_components(entry.link_name)), node);
        }
        if (node.type != NodeType::directory) {
            remove_below(path);
        }
        implied_.erase(path);
        nodes_[std::move(path)] = std::move(node);
    }

    void link_to(const std::string& target, IndexEntry& node) {
        const auto found = nodes_.find(target);
        if (found == nodes_.end() || found->second.type == NodeType::directory) {
            return;
        }
        if (found->second.link_group == 0) {
            found->second.link_group = ++link_groups_;
        }
        std::string path = std::move(node.path);
        node = found->second;
        node.path = std::move(path);
    }

    // Directories that no entry names: new ones have the time at which something is made in them.
    void make_parents(std::string_view path) {
        const std::string_view parent = parent_path(path);
        const auto found = nodes_.find(parent);
        if (found != nodes_.end() && found->second.type == NodeType::directory) {
            return;
        }
        make_parents(parent);
        IndexEntry implied;
        implied.path = parent;
        implied.type = NodeType::directory;
        implied.mode = 0755;
        implied.modify_time = {std::time(nullptr), 1};
        implied_.insert(implied.path);
        nodes_[std::string(parent)] = std::move(implied);
    }

    void remove_below(std::string_view path) {
        auto next = nodes_.upper_bound(path);
        while (next != nodes_.end() && next->first.starts_with(path) &&
               next->first[path.size()] == '/') {
            next = nodes_.erase(next);
        }
    }

    // They hide what lower layers have, and nothing of this one, wherever they stand in it.
    void add_whiteouts() {
        for (const std::string& path : opaque_) {
            if (path.empty()) {
                hide_all_directories();
                continue;
            }
            make_parents(path + "/x");
            nodes_.find(path)->second.is_opaque = true;
        }
        for (const std::string& path : hidden_) {
            make_parents(path);
            const auto [node, is_new] = nodes_.try_emplace(path);
            if (is_new) {
                node->second.path = path;
                node->second.type = NodeType::whiteout;
            } else if (node->second.type == NodeType::directory) {
                node->second.is_opaque = true;
            }
        }
    }

    // The kernel heeds no opaque mark on the root of a layer.
    void hide_all_directories() {
        for (auto& [path, node] : nodes_) {
            const bool is_in_root = !path.empty() && parent_path(path).empty();
            node.is_opaque = node.is_opaque || (is_in_root && node.type == NodeType::directory);
        }
    }

    // Those that a layer below has look like there.
    void find_implied() {
        for (const LayerSketch* layer : below_) {
            IndexReader reader(*layer->index);
            while (const IndexEntry* entry = implied_.empty() ? nullptr : reader.next()) {
                if (implied_.erase(entry->path) != 0 && entry->type == NodeType::directory) {
                    take_metadata(*entry, *layer);
                }
            }
        }
    }

    void take_metadata(const IndexEntry& from, const LayerSketch& layer) {
        const auto node = nodes_.find(from.path);
        if (node == nodes_.end()) {
            return; // something took its place
        }
        node->second.mode = from.mode;
        node->second.uid = from.uid;
        node->second.gid = from.gid;
        node->second.modify_time = from.modify_time;
        node->second.xattrs = from.xattrs;
        if (from.xattrs) {
            xattr_bytes_[*from.xattrs] = layer.xattr_bytes.at(*from.xattrs);
        }
    }

    Result<LayerSketch> build() {
        add_whiteouts();
        find_implied();
        IndexBuilder builder;
        while (!nodes_.empty()) {
            builder.add(std::move(nodes_.extract(nodes_.begin()).mapped()));
        }
        TRY_ASSIGN(LayerIndex index, builder.build());
        return LayerSketch{std::make_unique<LayerIndex>(std::move(index)), std::move(xattr_bytes_)};
    }

    TarReader reader_;
    std::map<std::string, IndexEntry, InPathOrder> nodes_;
    const std::vector<const LayerSketch*>& below_;
    std::set<std::string> implied_;
    std::set<std::string> hidden_;
    std::set<std::string> opaque_;
    std::map<Sha256Hash, uint64_t> xattr_bytes_;
    uint32_t link_groups_ = 0;
};

} // namespace

Result<LayerSketch> sketch_layer(ByteSource& blob, Encoding encoding, const Digest& diff_id,
                                 const std::vector<const LayerSketch*>& below,
                                 const std::stop_token& stop) {
    DecodedStream stream(blob, encoding);
    uint64_t bytes = 0;
    // Also within files, which may be large.
    const auto next = [&]() -> std::optional<Slice> {
        auto slice = stop.stop_requested() ? std::nullopt : stream.next();
        bytes += slice ? slice->bytes.size() : 0;
        return slice;
    };
    auto sketch = Sketcher(next, below).run();
    while (next()) { // what follows the end of the archive
    }
    TRY(check_stop(stop));
    TRY_ASSIGN(const Digest read, stream.digest()); // its error is the cause of others
    if (!sketch) {
        return fail(sketch.error());
    }
    if (read != diff_id) {
        return fail(ErrorCode::data_loss,
                    fmt::format("layer {} has the diff ID {}", diff_id.text(), read.text()));
    }
    sketch->tar_bytes = bytes;
    return sketch;
}

} // namespace lamina
