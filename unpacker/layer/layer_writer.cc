// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/layer_writer.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "unpacker/base/limits.h"
#include "unpacker/base/text.h"
#include "unpacker/layer/rebase_layer.h"
#include "unpacker/tree/directory_cursor.h"
#include "unpacker/tree/remove_tree.h"

namespace lamina {
namespace {

LeafType leaf_type_of(EntryType type) {
    switch (type) {
    case EntryType::symlink:
        return LeafType::symlink;
    case EntryType::character_device:
        return LeafType::character_device;
    case EntryType::block_device:
        return LeafType::block_device;
    case EntryType::fifo:
        return LeafType::fifo;
    default:
        return LeafType::file;
    }
}

} // namespace

LayerWriter::LayerWriter(Target target, WriterPool& writers)
    : target_(std::move(target)), writers_(writers),
      tree_(std::move(target_.root), writers.writers(),
            {.await_writers = [this] { return writers_.await_all(); },
             .replace_whiteout =
                 [this](Directory& parent, const std::string& name) {
                     return replace_whiteout(parent, name);
                 }}) {
    tree_.root().is_made = target_.is_empty;
    if (target_.index >= 0 && target_.is_empty) {
        record_.start(tree_.root().fd->get());
    }
}

Status LayerWriter::add_entry(Entry entry) {
    const std::string name = shortened(entry.name);
    auto added = add(entry);
    if (!added) {
        return fail(with_context(fmt::format("entry \"{}\"", name), added.error()));
    }
    return {};
}

Status LayerWriter::add(Entry& entry) {
    // The kernel's names end at a NUL, ours do not: "..\0x" would pass for a harmless name here and
    // lead out of the root there.
    if (entry.name.find('\0') != std::string::npos ||
        entry.link_name.find('\0') != std::string::npos) {
        return fail(ErrorCode::invalid_argument, "NUL byte in a name");
    }
    auto components = clean_components(entry.name);
    if (components.empty()) {
        return {}; // the root itself keeps what it has, as in containerd
    }
    TRY_ASSIGN(const Place place,
               find_place(std::move(components), DirectoryTree::Missing::is_made));
    place.parent->is_named = true;
    const WhiteoutName whiteout = parse_whiteout(place.name);
    switch (whiteout.kind) {
    case WhiteoutKind::invalid:
        return fail(ErrorCode::invalid_argument, "whiteout that hides no name");
    case WhiteoutKind::opaque:
        return make_opaque(*place.parent);
    case WhiteoutKind::name:
        return add_whiteout(entry, place, whiteout.hidden_name);
    case WhiteoutKind::none:
        break;
    }
    switch (entry.type) {
    case EntryType::directory:
        return add_directory(entry, place);
    case EntryType::hard_link:
        return add_hard_link(entry, place);
    default:
        return add_leaf(entry, place);
    }
}

Result<LayerWriter::Place> LayerWriter::find_place(std::vector<std::string> components,
                                                   DirectoryTree::Missing missing) {
    std::string name = std::move(components.back());
    components.pop_back();
    TRY_ASSIGN(Directory* const parent, tree_.resolve(components, missing));
    if (parent->path_bytes + 1 + name.size() > limits::kPathBytesMax) {
        return fail(errno_error("resolve", "path", ENAMETOOLONG));
    }
    return Place{parent, std::move(name)};
}

// --- Directories ---

Status LayerWriter::add_directory(Entry& entry, const Place& place) {
    TRY_ASSIGN(Directory* const directory, make_directory(place));
    place.parent->names.insert(place.name);
    directory->is_implied = false;
    if (target_.whiteouts == WhiteoutMode::overlay && place.parent->hidden.contains(place.name)) {
        TRY(set_opaque_mark(*directory));
    }
    TRY_ASSIGN(const auto fd, tree_.open(*directory));
    struct stat now{};
    if (::fstat(fd->get(), &now) != 0) {
        return fail(errno_error("fstat", place.name));
    }
    const Metadata metadata = metadata_of(entry);
    TRY(set_metadata(fd->get(), now, metadata));
    directory->times = metadata.times;
    return {};
}

// A directory stays when it is there; anything else under the name goes.
Result<Directory*> LayerWriter::make_directory(const Place& place) {
    Directory& parent = *place.parent;
    if (const auto known = parent.children.find(place.name); known != parent.children.end()) {
        return known->second.get();
    }
    if (!parent.names.contains(place.name)) {
        auto made = tree_.make(parent, place.name);
        if (made || made.error().code != ErrorCode::already_exists) {
            return made;
        }
    }
    TRY(writers_.await_all());
    auto adopted = tree_.adopt(parent, place.name);
    const bool is_no_directory =
        !adopted && (adopted.error().sys_errno == ENOTDIR || adopted.error().sys_errno == ELOOP);
    if (!is_no_directory) {
        return adopted;
    }
    TRY(remove(parent, place.name));
    return tree_.make(parent, place.name);
}

// --- Files and other leaves ---

Status LayerWriter::add_leaf(Entry& entry, const Place& place) {
    TRY(clear_way(place));
    place.parent->names.insert(place.name);
    TRY_ASSIGN(auto directory, tree_.open(*place.parent));
    in_file_ = entry.type == EntryType::file && entry.size_bytes > 0;
    if (entry.type == EntryType::character_device && entry.device == 0) {
        ++whiteouts_; // an overlay takes it for one
    }
    file_writer_ = writers_.choose(place.parent->writer);
    place.parent->writer = file_writer_;
    item_ = {.leaf = Leaf{std::move(directory), place.name, leaf_type_of(entry.type),
                          std::move(entry.link_name), entry.device, entry.size_bytes,
                          metadata_of(entry), shortened(entry.name)},
             .content = {},
             .is_last = !in_file_};
    item_bytes_ = 0;
    record_.note_leaf(*place.parent, *item_.leaf);
    if (!in_file_) {
        writers_.submit(file_writer_, std::exchange(item_, {}));
    }
    return {};
}

Status LayerWriter::add_content(ContentBlock block) {
    if (!in_file_) {
        return {}; // content of an entry that was not made, e.g. of a whiteout
    }
    item_bytes_ += block.slice.bytes.size() + sizeof block;
    item_.content.push_back(std::move(block));
    if (item_bytes_ >= limits::kSmallFileBytes) {
        writers_.submit(file_writer_, std::exchange(item_, {}));
        item_bytes_ = 0;
    }
    return {};
}

void LayerWriter::end_entry() {
    if (std::exchange(in_file_, false)) {
        item_.is_last = true;
        writers_.submit(file_writer_, std::exchange(item_, {}));
    }
}

Status LayerWriter::add_hard_link(Entry& entry, const Place& place) {
    auto components = clean_components(entry.link_name);
    if (components.empty()) {
        return fail(ErrorCode::invalid_argument, "hard link to the root");
    }
    // What is in the way goes first: it may be the directory that the target is in.
    TRY(clear_way(place));
    TRY(writers_.await_all());
    const auto target = find_place(std::move(components), DirectoryTree::Missing::is_error);
    if (!target) {
        return fail(
            with_context(fmt::format("hard link to \"{}\"", entry.link_name), target.error()));
    }
    TRY_ASSIGN(const auto from, tree_.open(*target->parent));
    TRY_ASSIGN(const auto to, tree_.open(*place.parent));
    const auto link = [&] {
        return ::linkat(from->get(), target->name.c_str(), to->get(), place.name.c_str(), 0);
    };
    int failed = link();
    if (failed != 0 && errno == EEXIST) {
        TRY(remove(*place.parent, place.name));
        failed = link();
    }
    if (failed != 0) {
        return fail(errno_error("link to", fmt::format("\"{}\"", entry.link_name)));
    }
    place.parent->names.insert(place.name);
    record_.note_name(*target->parent, target->name);
    record_.note_name(*place.parent, place.name);
    struct stat now{};
    if (::fstatat(to->get(), place.name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(errno_error("stat", place.name));
    }
    return set_metadata_at(to->get(), place.name, now, metadata_of(entry));
}

// --- Removal ---

// Makes room for a leaf when this layer itself has put something under its name. What was there
// before the layer, a writer finds by O_EXCL.
Status LayerWriter::clear_way(const Place& place) {
    const Directory& parent = *place.parent;
    if (parent.names.contains(place.name) || parent.children.contains(place.name)) {
        return remove(*place.parent, place.name);
    }
    return {};
}

Status LayerWriter::remove(Directory& parent, const std::string& name) {
    TRY(writers_.await_all());
    TRY_ASSIGN(const auto fd, tree_.open(parent));
    tree_.forget(parent, name);
    parent.names.erase(name);
    has_removed_ = true;
    record_.note_removal(parent, name);
    return remove_tree(fd->get(), name);
}

// --- The end ---

Result<LayerWriter::Summary> LayerWriter::finish() {
    TRY(writers_.await_all());
    const WriterPool::Summary written = writers_.finish();
    Summary summary{written.tally.usage, 0, written.time, {}, {}, false};
    if (target_.whiteouts == WhiteoutMode::overlay && tree_.root().is_opaque) {
        TRY(make_root_opaque());
        summary.rebase.root_is_opaque = true;
    }
    TRY(tree_.for_each([&](Directory& directory) { return finish_directory(directory, summary); }));
    summary.whiteouts = whiteouts_;
    TRY(rebase(summary));
    TRY(note_rebased(summary));
    summary.is_indexed = write_index(summary, written.tally.has_replaced);
    // Counting along the way is right only when nothing was there and nothing went.
    if (!target_.is_empty || has_removed_ || written.tally.has_replaced) {
        TRY_ASSIGN(const auto root, tree_.open(tree_.root()));
        TRY_ASSIGN(summary.usage, measure_usage(root->get()));
    }
    return summary;
}

Status LayerWriter::finish_directory(Directory& directory, Summary& summary) {
    if (!directory.hidden.empty() && !directory.is_root() && directory.hides_all_below()) {
        TRY(remove_whiteouts(directory));
    }
    if (target_.whiteouts == WhiteoutMode::overlay && directory.may_inherit()) {
        summary.rebase.add_implied(directory.path());
    }
    TRY_ASSIGN(const auto fd, tree_.open(directory));
    if (directory.times) {
        TRY(set_times(fd->get(), *directory.times));
    }
    struct stat made{};
    if (::fstat(fd->get(), &made) != 0) {
        return fail(errno_error("fstat", directory.name));
    }
    summary.usage.inodes += 1;
    summary.usage.size_bytes += static_cast<uint64_t>(made.st_blocks) * 512;
    record_.note_directory(directory, fd->get(), made);
    return {};
}

// Left to the caller when the layers below are not known.
Status LayerWriter::rebase(Summary& summary) {
    if (target_.lowerdirs.empty()) {
        return {};
    }
    TRY_ASSIGN(const auto root, tree_.open(tree_.root()));
    summary.rebased = std::exchange(summary.rebase, {});
    TRY_ASSIGN(const RebaseChange change,
               rebase_layer(root->get(), summary.rebased, target_.lowerdirs));
    summary.usage.inodes += change.added.inodes;
    summary.usage.size_bytes += change.added.size_bytes;
    summary.whiteouts += change.whiteouts;
    return {};
}

// --- The index ---

// Implied directories once more: they have taken what those below have.
Status LayerWriter::note_rebased(const Summary& summary) {
    if (!record_.is_on() || summary.rebased.empty()) {
        return {};
    }
    return tree_.for_each([this](Directory& directory) -> Status {
        if (!directory.may_inherit()) {
            return {};
        }
        TRY_ASSIGN(const auto fd, tree_.open(directory));
        struct stat now{};
        if (::fstat(fd->get(), &now) != 0) {
            return fail(errno_error("fstat", directory.name));
        }
        record_.note_directory(directory, fd->get(), now);
        return {};
    });
}

bool LayerWriter::write_index(const Summary& summary, bool has_replaced) {
    if (has_replaced) {
        record_.give_up("the filesystem takes different names for one");
    }
    if (summary.rebased.root_is_opaque) {
        record_.give_up("the root hides names of layers below");
    }
    return record_.write(tree_, target_.index);
}

} // namespace lamina
