// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/layer_sketch.h"

#include <cerrno>
#include <ctime>
#include <deque>
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
            if (auto added = add(*entry); !added) {
                return fail(with_context(fmt::format("entry \"{}\"", shortened(entry->name)),
                                         added.error()));
            }
        }
    }

  private:
    // What the kernel would refuse is refused here as well, or it would have to be held.
    Status add(const Entry& entry) {
        if (entry.name.size() > limits::kPathBytesMax ||
            entry.link_name.size() > limits::kPathBytesMax) {
            return fail(ErrorCode::invalid_argument, "name or target too long");
        }
        auto names = clean_components(entry.name);
        if (names.empty()) {
            return {};
        }
        const std::string name = std::move(names.back());
        names.pop_back();
        TRY_ASSIGN(std::string parent, resolve(names, Missing::is_made));
        const WhiteoutName whiteout = parse_whiteout(name);
        switch (whiteout.kind) {
        case WhiteoutKind::none:
            return add_node(entry, path_in(parent, name));
        case WhiteoutKind::opaque:
            opaque_.insert(std::move(parent));
            return {};
        case WhiteoutKind::name:
            hidden_.insert(path_in(parent, whiteout.hidden_name));
            return {};
        default:
            return fail(ErrorCode::invalid_argument, "whiteout that hides no name");
        }
    }

    static std::string path_in(std::string_view directory, std::string_view name) {
        return directory.empty() ? std::string(name) : fmt::format("{}/{}", directory, name);
    }

    enum class Missing { is_made, is_error };

    // The directory that the names lead to through links of this layer: DirectoryTree::resolve().
    Result<std::string> resolve(const std::vector<std::string>& names, Missing missing) {
        std::string at = fmt::format("{}", fmt::join(names, "/"));
        if (const auto found = nodes_.find(at);
            found != nodes_.end() && found->second.type == NodeType::directory) {
            return at; // what is known has its own path
        }
        at.clear();
        std::deque<std::string> todo(names.begin(), names.end());
        for (unsigned links = 0; !todo.empty();) {
            const std::string name = std::move(todo.front());
            todo.pop_front();
            const std::string path =
                name == ".." ? std::string(parent_path(at)) : path_in(at, name);
            TRY_ASSIGN(const IndexEntry* const node, step(path, missing));
            if (node->type == NodeType::directory) {
                at = path;
                continue;
            }
            if (node->type != NodeType::symlink || ++links > limits::kLinksMax) {
                return fail(errno_error("resolve", shortened(path),
                                        node->type == NodeType::symlink ? ELOOP : ENOTDIR));
            }
            const auto target = clean_link_target(node->target);
            todo.insert(todo.begin(), target.begin(), target.end());
            at = node->target.starts_with('/') ? "" : at;
        }
        return at;
    }

    // What has the path, or a directory that is made there: those that no entry names have the time
    // at which something is made in them.
    Result<const IndexEntry*> step(const std::string& path, Missing missing) {
        const auto found = nodes_.find(path);
        if (found != nodes_.end()) {
            return &found->second;
        }
        if (missing == Missing::is_error) {
            return fail(errno_error("resolve", shortened(path), ENOENT));
        }
        if (path.size() > limits::kPathBytesMax) {
            return fail(errno_error("resolve", shortened(path), ENAMETOOLONG));
        }
        IndexEntry implied;
        implied.path = path;
        implied.type = NodeType::directory;
        implied.mode = 0755;
        implied.modify_time = {std::time(nullptr), 1};
        implied_.insert(path);
        return &(nodes_[path] = std::move(implied));
    }

    Status add_node(const Entry& entry, std::string path) {
        if (path.size() > limits::kPathBytesMax) {
            return fail(errno_error("resolve", "path", ENAMETOOLONG));
        }
        IndexEntry node = unpacked_entry(entry, path);
        if (node.xattrs) {
            xattr_bytes_[*node.xattrs] = bytes_of(unpacked_xattrs(entry));
        }
        if (entry.type != EntryType::directory) {
            remove_below(path);
        }
        implied_.erase(path);
        if (entry.type == EntryType::hard_link) {
            nodes_.erase(path); // before the target is looked for, which may be this
            TRY(link_to(entry.link_name, node));
        }
        nodes_[std::move(path)] = std::move(node);
        return {};
    }

    // Only files of the same layer can be linked to.
    Status link_to(const std::string& link_name, IndexEntry& node) {
        auto names = clean_components(link_name);
        if (names.empty()) {
            return fail(ErrorCode::invalid_argument, "hard link to the root");
        }
        const std::string name = std::move(names.back());
        names.pop_back();
        const auto directory = resolve(names, Missing::is_error);
        const auto found = directory ? nodes_.find(path_in(*directory, name)) : nodes_.end();
        if (found == nodes_.end() || found->second.type == NodeType::directory) {
            return fail(ErrorCode::not_found,
                        fmt::format("hard link to \"{}\", which is no file of its layer",
                                    shortened(link_name)));
        }
        if (found->second.link_group == 0) {
            found->second.link_group = ++link_groups_;
        }
        std::string path = std::move(node.path);
        node = found->second;
        node.path = std::move(path);
        return {};
    }

    void remove_below(const std::string& path) {
        auto next = nodes_.upper_bound(path);
        while (next != nodes_.end() && next->first.starts_with(path) &&
               next->first[path.size()] == '/') {
            next = nodes_.erase(next);
        }
        opaque_.erase(path);
        for (auto* paths : {&implied_, &hidden_, &opaque_}) {
            const std::string front = path + "/";
            auto within = paths->lower_bound(front);
            while (within != paths->end() && within->starts_with(front)) {
                within = paths->erase(within);
            }
        }
    }

    // They hide what lower layers have, and nothing of this one, wherever they stand in it.
    void add_whiteouts() {
        for (const std::string& path : opaque_) {
            if (path.empty()) {
                hide_all_directories();
                continue;
            }
            nodes_.find(path)->second.is_opaque = true;
        }
        for (const std::string& path : hidden_) {
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
