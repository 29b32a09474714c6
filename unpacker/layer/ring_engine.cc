// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/ring_engine.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "unpacker/base/log.h"

namespace lamina {
namespace {

// Complete, and without holes.
bool is_small_file(const WriterItem& item) {
    if (!item.leaf || !item.is_last || item.leaf->type != LeafType::file) {
        return false;
    }
    uint64_t end = 0;
    for (const ContentBlock& block : item.content) {
        if (block.offset_bytes != end) {
            return false;
        }
        end += block.slice.bytes.size();
    }
    return end == item.leaf->size_bytes;
}

std::vector<iovec> buffers_of(const WriterItem& item) {
    std::vector<iovec> buffers;
    for (const ContentBlock& block : item.content) {
        const auto bytes = block.slice.bytes;
        // iovec serves reading too and so knows no const.
        buffers.push_back({const_cast<std::byte*>(bytes.data()), bytes.size()});
    }
    return buffers;
}

} // namespace

Result<std::unique_ptr<RingEngine>> RingEngine::open(Writeback writeback) {
    TRY_ASSIGN(auto ring, FileRing::open());
    return std::unique_ptr<RingEngine>(new RingEngine(std::move(ring), writeback));
}

Status RingEngine::make(std::vector<WriterItem> batch) {
    std::vector<WriterItem*> small;
    for (WriterItem& item : batch) {
        if (ring_ != nullptr && is_small_file(item)) {
            small.push_back(&item);
        } else {
            TRY(plain_.make_one(item));
        }
    }
    return small.empty() ? Status() : make_small(small);
}

Status RingEngine::make_small(std::vector<WriterItem*>& items) {
    std::vector<std::vector<iovec>> buffers;
    std::vector<RingFile> files;
    buffers.reserve(items.size());
    for (const WriterItem* item : items) {
        const Leaf& leaf = *item->leaf;
        buffers.push_back(buffers_of(*item));
        files.push_back({.directory = leaf.directory->get(),
                         .name = leaf.name.c_str(),
                         .mode = leaf.metadata.mode,
                         .bytes = buffers.back()});
    }
    if (const auto created = ring_->create(files); !created) {
        log::warn("ring failed, files are made without it", {{"error", created.error().message}});
        ring_.reset();
        for (RingFile& file : files) {
            file.sys_errno = ECANCELED;
        }
    }
    for (size_t i = 0; i < items.size(); ++i) {
        TRY(finish_small(*items[i], files[i].sys_errno));
    }
    return {};
}

// What did not work in the ring is done again the plain way, which replaces what is there and, if
// it fails as well, says why.
Status RingEngine::finish_small(WriterItem& item, int sys_errno) {
    return sys_errno == 0 ? small_.finish_existing(*std::move(item.leaf)) : small_.make_one(item);
}

LeafTally RingEngine::tally() const {
    LeafTally sum = plain_.tally();
    sum.usage.inodes += small_.tally().usage.inodes;
    sum.usage.size_bytes += small_.tally().usage.size_bytes;
    sum.has_replaced = sum.has_replaced || small_.tally().has_replaced;
    return sum;
}

} // namespace lamina
