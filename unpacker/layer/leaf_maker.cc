// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/leaf_maker.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/base/limits.h"
#include "unpacker/tree/remove_tree.h"

namespace lamina {
namespace {

mode_t file_type_of(LeafType type) {
    switch (type) {
    case LeafType::block_device:
        return S_IFBLK;
    case LeafType::fifo:
        return S_IFIFO;
    default:
        return S_IFCHR;
    }
}

Status write_all(int file, std::span<const std::byte> bytes, uint64_t offset) {
    while (!bytes.empty()) {
        const ssize_t written =
            ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (written < 0 && errno != EINTR) {
            return fail(errno_error("write", "content"));
        }
        if (written > 0) {
            bytes = bytes.subspan(static_cast<size_t>(written));
            offset += static_cast<uint64_t>(written);
        }
    }
    return {};
}

} // namespace

Error LeafMaker::error(Error cause) const {
    return with_context(fmt::format("entry \"{}\"", leaf_->entry_name), std::move(cause));
}

Status LeafMaker::begin(Leaf leaf) {
    leaf_ = std::move(leaf);
    written_bytes_ = 0;
    auto created = create();
    if (!created && created.error().code == ErrorCode::already_exists) {
        // Something that was there before this layer: it is replaced, whatever it is.
        tally_.has_replaced = true;
        created = remove_tree(leaf_->directory->get(), leaf_->name);
        if (created) {
            created = create();
        }
    }
    if (!created) {
        return fail(error(created.error()));
    }
    return {};
}

Status LeafMaker::create() {
    if (leaf_->type != LeafType::file) {
        return make_node();
    }
    TRY_ASSIGN(file_, create_file());
    return {};
}

// O_EXCL answers whether the name is free, so nothing is looked up first.
Result<Fd> LeafMaker::create_file() {
    return open_at(leaf_->directory->get(), leaf_->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
                   leaf_->metadata.mode);
}

Status LeafMaker::make_node() {
    const int directory = leaf_->directory->get();
    const char* name = leaf_->name.c_str();
    int failed = 0;
    if (leaf_->type == LeafType::symlink) {
        failed = ::symlinkat(leaf_->link_target.c_str(), directory, name);
    } else {
        failed = ::mknodat(directory, name, file_type_of(leaf_->type) | leaf_->metadata.mode,
                           leaf_->device);
    }
    if (failed != 0) {
        return fail(errno_error("make", leaf_->name));
    }
    return {};
}

Status LeafMaker::write(const ContentBlock& block) {
    const auto written = write_all(file_.get(), block.slice.bytes, block.offset_bytes);
    if (!written) {
        return fail(error(written.error()));
    }
    written_bytes_ = block.offset_bytes + block.slice.bytes.size();
    return {};
}

Status LeafMaker::finish() {
    const auto finished = leaf_->type == LeafType::file ? finish_file() : finish_node();
    if (!finished) {
        return fail(error(finished.error()));
    }
    leaf_.reset();
    return {};
}

Status LeafMaker::finish_existing(Leaf leaf) {
    leaf_ = std::move(leaf);
    if (auto finished = finish_node(); !finished) {
        return fail(error(finished.error()));
    }
    leaf_.reset();
    return {};
}

Status LeafMaker::finish_file() {
    // A sparse file may end in a hole.
    if (written_bytes_ < leaf_->size_bytes &&
        ::ftruncate(file_.get(), static_cast<off_t>(leaf_->size_bytes)) != 0) {
        return fail(errno_error("ftruncate", leaf_->name));
    }
    // One look after the content is written tells the disk use, and whether umask, ACLs, a
    // set-group-ID parent or the creator's ids made the inode differ from the header.
    struct stat made{};
    if (::fstat(file_.get(), &made) != 0) {
        return fail(errno_error("fstat", leaf_->name));
    }
    TRY(set_metadata(file_.get(), made, leaf_->metadata));
    TRY(set_times(file_.get(), leaf_->metadata.times));
    if (!leaf_->metadata.xattrs.empty() && ::fstat(file_.get(), &made) != 0) {
        return fail(errno_error("fstat", leaf_->name)); // xattrs may take blocks of their own
    }
    count(made);
    if (writeback_ == Writeback::early && written_bytes_ >= limits::kEarlyWritebackBytes) {
        // Asks for the pages to be written and does not wait, sync_file_range(2). Advice only.
        (void)::sync_file_range(file_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
    }
    return file_.close();
}

Status LeafMaker::finish_node() {
    struct stat made{};
    const int directory = leaf_->directory->get();
    if (::fstatat(directory, leaf_->name.c_str(), &made, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(errno_error("stat", leaf_->name));
    }
    count(made);
    if (leaf_->type == LeafType::whiteout) {
        const Metadata& wanted = leaf_->metadata;
        if ((made.st_uid != wanted.uid || made.st_gid != wanted.gid) &&
            ::fchownat(directory, leaf_->name.c_str(), wanted.uid, wanted.gid,
                       AT_SYMLINK_NOFOLLOW) != 0) {
            return fail(errno_error("fchownat", leaf_->name));
        }
        return {};
    }
    return set_metadata_at(directory, leaf_->name, made, leaf_->metadata);
}

void LeafMaker::count(const struct stat& made) {
    tally_.usage.inodes += 1;
    tally_.usage.size_bytes += static_cast<uint64_t>(made.st_blocks) * 512;
}

Status use_private_umask() {
    if (::unshare(CLONE_FS) != 0) {
        return fail(errno_error("unshare", "CLONE_FS"));
    }
    ::umask(0);
    return {};
}

} // namespace lamina
