// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/layer_record.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include <fcntl.h>

#include "unpacker/base/limits.h"
#include "unpacker/base/log.h"
#include "unpacker/index/entry_codec.h"
#include "unpacker/index/inode_entry.h"
#include "unpacker/tree/xattrs.h"

namespace lamina {
namespace {

// A power of two, so that a place is a block and an offset in it. Notes do not straddle blocks.
constexpr size_t kBlockBytes = 64 * 1024;
constexpr size_t kBlocksMax = limits::kRecordBytesMax / kBlockBytes;
// Before the first note, so that no note is at 0, which is none.
constexpr size_t kFirstPlace = 1;
constexpr size_t kNoteHeadBytes = sizeof(uint32_t) + 2; // place of the note before, kind, length

constexpr auto kForm = OverlayXattrs::trusted; // the only one that layers are unpacked for
constexpr const char* kInheritedAcl = "system.posix_acl_default";

// Beyond this an inode of some filesystems cannot tell the time (ext4 and xfs of older formats).
constexpr time_t kPlainSecondsMax = std::numeric_limits<int32_t>::max();

NodeType node_type_of(const Leaf& leaf) {
    switch (leaf.type) {
    case LeafType::symlink:
        return NodeType::symlink;
    case LeafType::character_device:
        return leaf.device == 0 ? NodeType::whiteout : NodeType::character_device;
    case LeafType::block_device:
        return NodeType::block_device;
    case LeafType::fifo:
        return NodeType::fifo;
    case LeafType::whiteout:
        return NodeType::whiteout;
    default:
        return NodeType::file;
    }
}

// The inode gets what the header says: no attribute that a filesystem may refuse or rewrite, no
// set-id bit that takes a privilege, no time that it may not be able to hold.
bool is_plain(const Leaf& leaf) {
    const Metadata& metadata = leaf.metadata;
    return leaf.type != LeafType::whiteout && metadata.xattrs.empty() &&
           (metadata.mode & (S_ISUID | S_ISGID)) == 0 &&
           metadata.times[1].tv_sec <= kPlainSecondsMax;
}

IndexEntry entry_of_leaf(const Leaf& leaf) {
    IndexEntry entry;
    entry.type = node_type_of(leaf);
    entry.size_bytes = leaf.type == LeafType::file ? leaf.size_bytes : 0;
    entry.mode = leaf.type == LeafType::symlink ? 0777 : leaf.metadata.mode;
    entry.uid = leaf.metadata.uid;
    entry.gid = leaf.metadata.gid;
    entry.modify_time = leaf.metadata.times[1];
    entry.device = leaf.device;
    entry.target = leaf.type == LeafType::symlink ? leaf.link_target : std::string();
    return entry;
}

std::string encoded(const IndexEntry& entry) {
    std::string bytes;
    EntryEncoder().encode(entry, bytes);
    return bytes;
}

tl::unexpected<Error> not_as_noted(std::string_view name) {
    return fail(ErrorCode::aborted, std::string(name) + " is not what was noted");
}

} // namespace

struct LayerRecord::Note {
    uint32_t before;
    Kind kind;
    std::string_view name;
    std::string_view entry; // and whatever follows it
};

LayerRecord::LayerRecord() = default;
LayerRecord::~LayerRecord() = default;

void LayerRecord::start(int root) {
    is_on_ = true;
    struct stat status{};
    const auto xattrs = read_xattrs(root);
    if (::fstat(root, &status) != 0 || !xattrs) {
        give_up("cannot look at the root");
    } else if (!xattrs->empty()) {
        give_up("the root has xattrs, which entries may inherit");
    } else if (status.st_ctim.tv_nsec == 0) {
        give_up("the filesystem has no nanoseconds"); // no moment is without, but one in 10^9
    }
}

void LayerRecord::give_up(std::string_view why) {
    if (std::exchange(is_on_, false)) {
        log::debug("the index of the layer is left to a walk", {{"reason", std::string(why)}});
    }
    blocks_.clear();
}

void LayerRecord::note_leaf(Directory& parent, const Leaf& leaf) {
    if (!is_on_) {
        return;
    }
    if (!is_plain(leaf)) {
        append(parent, leaf.name, Kind::name, {});
        return;
    }
    scratch_.clear();
    EntryEncoder().encode(entry_of_leaf(leaf), scratch_);
    append(parent, leaf.name, Kind::entry, scratch_);
}

void LayerRecord::note_directory(Directory& directory, int fd, const struct stat& now) {
    if (!is_on_) {
        return;
    }
    auto xattrs = read_xattrs(fd);
    if (!xattrs || xattrs->contains(kInheritedAcl)) {
        give_up("a directory gives an ACL to what is made in it");
        return;
    }
    IndexEntry entry = entry_of({}, now);
    apply_xattrs(entry, *std::move(xattrs), kForm);
    if (directory.is_root()) {
        entry.is_opaque = false; // the kernel does not heed it there
        root_ = std::move(entry);
    } else {
        append(*directory.parent, directory.name, Kind::entry, encoded(entry));
    }
}

void LayerRecord::note_name(Directory& parent, const std::string& name) {
    append(parent, name, Kind::name, {});
}

void LayerRecord::note_removal(Directory& parent, const std::string& name) {
    append(parent, name, Kind::removal, {});
}

void LayerRecord::append(Directory& parent, const std::string& name, Kind kind,
                         std::string_view entry) {
    const size_t bytes = kNoteHeadBytes + name.size() + entry.size();
    if (!is_on_) {
        return;
    }
    if (blocks_.empty() || used_bytes_ + bytes > kBlockBytes) {
        if (blocks_.size() == kBlocksMax || bytes > kBlockBytes - kFirstPlace) {
            give_up("too much to note");
            return;
        }
        used_bytes_ = blocks_.empty() ? kFirstPlace : 0;
        blocks_.push_back(std::make_unique<char[]>(kBlockBytes));
    }
    char* at = blocks_.back().get() + used_bytes_;
    std::memcpy(at, &parent.last_note, sizeof parent.last_note);
    at += sizeof parent.last_note;
    *at++ = static_cast<char>(kind);
    *at++ = static_cast<char>(name.size()); // at most NAME_MAX, or the kernel would not have it
    at = std::ranges::copy(name, at).out;
    std::ranges::copy(entry, at);
    parent.last_note = static_cast<uint32_t>((blocks_.size() - 1) * kBlockBytes + used_bytes_);
    used_bytes_ += bytes;
}

LayerRecord::Note LayerRecord::note_at(uint32_t place) const {
    const char* const block = blocks_[place / kBlockBytes].get();
    std::string_view rest(block + place % kBlockBytes, kBlockBytes - place % kBlockBytes);
    Note note{};
    std::memcpy(&note.before, rest.data(), sizeof note.before);
    note.kind = static_cast<Kind>(rest[sizeof note.before]);
    const auto name_bytes = static_cast<unsigned char>(rest[sizeof note.before + 1]);
    note.name = rest.substr(kNoteHeadBytes, name_bytes);
    note.entry = rest.substr(kNoteHeadBytes + name_bytes);
    return note;
}

// --- The end ---

// The last note of each name, by name, without those that are gone.
std::vector<uint32_t> LayerRecord::names_in(const Directory& directory) const {
    std::vector<uint32_t> notes;
    for (uint32_t place = directory.last_note; place != 0; place = note_at(place).before) {
        notes.push_back(place);
    }
    const auto name_of = [this](uint32_t place) { return note_at(place).name; };
    std::ranges::sort(notes, [&](uint32_t a, uint32_t b) {
        const auto order = name_of(a) <=> name_of(b);
        return order != 0 ? order < 0 : a > b;
    });
    const auto older = std::ranges::unique(notes, {}, name_of);
    notes.erase(older.begin(), older.end());
    std::erase_if(notes, [this](uint32_t place) { return note_at(place).kind == Kind::removal; });
    return notes;
}

bool LayerRecord::write(DirectoryTree& tree, int file) {
    if (!is_on_) {
        return false;
    }
    IndexWriter index(file);
    if (const auto written = write_all(tree, index); !written) {
        give_up(written.error().message);
        return false;
    }
    return true;
}

Status LayerRecord::write_all(DirectoryTree& tree, IndexWriter& index) {
    TRY(index.add(root_));
    levels_.push_back({&tree.root(), names_in(tree.root()), 0, 0});
    while (!levels_.empty()) {
        Level& level = levels_.back();
        if (level.next == level.notes.size()) {
            levels_.pop_back();
        } else {
            TRY(write_next(tree, index));
        }
    }
    return index.finish();
}

Status LayerRecord::write_next(DirectoryTree& tree, IndexWriter& index) {
    Level& level = levels_.back();
    const Note note = note_at(level.notes[level.next++]);
    TRY_ASSIGN(IndexEntry entry, entry_of_note(tree, *level.directory, note));
    path_.resize(level.path_bytes);
    path_ += note.name;
    entry.path = path_;
    TRY(index.add(entry));
    if (entry.type != NodeType::directory) {
        return {};
    }
    const auto child = level.directory->children.find(note.name);
    if (child == level.directory->children.end()) {
        return not_as_noted(note.name);
    }
    path_ += '/';
    levels_.push_back({child->second.get(), names_in(*child->second), 0, path_.size()});
    return {};
}

Result<IndexEntry> LayerRecord::entry_of_note(DirectoryTree& tree, Directory& directory,
                                              const Note& note) {
    if (note.kind == Kind::name) {
        return look(tree, directory, std::string(note.name));
    }
    IndexEntry entry;
    if (!EntryDecoder(note.entry).decode(entry)) {
        return not_as_noted(note.name);
    }
    const unsigned type = 1U << static_cast<unsigned>(entry.type);
    if ((checked_types_ & type) == 0 && entry.type != NodeType::directory) {
        checked_types_ |= type;
        TRY(check_type(tree, directory, std::string(note.name), entry));
    }
    return entry;
}

// As index_tree() does.
Result<IndexEntry> LayerRecord::look(DirectoryTree& tree, Directory& directory,
                                     const std::string& name) {
    TRY_ASSIGN(const auto fd, tree.open(directory));
    struct stat status{};
    if (::fstatat(fd->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(errno_error("fstatat", name));
    }
    IndexEntry entry = entry_of({}, status);
    if (entry.type == NodeType::symlink) {
        TRY_ASSIGN(entry.target, read_target(fd->get(), name));
    }
    TRY_ASSIGN(auto xattrs, read_xattrs_at(fd->get(), name));
    apply_xattrs(entry, std::move(xattrs), kForm);
    if (status.st_nlink > 1 && entry.type != NodeType::directory &&
        entry.type != NodeType::whiteout) {
        const auto next = static_cast<uint32_t>(groups_.size() + 1);
        entry.link_group = groups_.try_emplace(status.st_ino, next).first->second;
    }
    return entry;
}

Status LayerRecord::check_type(DirectoryTree& tree, Directory& directory, const std::string& name,
                               const IndexEntry& noted) {
    TRY_ASSIGN(const IndexEntry found, look(tree, directory, name));
    return encoded(found) == encoded(noted) ? Status() : not_as_noted(name);
}

} // namespace lamina
