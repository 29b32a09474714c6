// SPDX-License-Identifier: Apache-2.0
#include "unpacker/index/layer_index.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "unpacker/base/check.h"
#include "unpacker/base/text.h"
#include "unpacker/index/entry_check.h"
#include "unpacker/index/entry_codec.h"
#include "unpacker/index/index_header.h"

namespace lamina {
namespace {

tl::unexpected<Error> damaged(std::string_view what) {
    return fail(ErrorCode::data_loss, fmt::format("index of a layer: {}", what));
}

std::string_view body_of(std::string_view bytes) {
    return bytes.substr(kIndexHeaderBytes, bytes.size() - kIndexHeaderBytes - kIndexDigestBytes);
}

} // namespace

Result<LayerIndex> LayerIndex::parse(std::string bytes) {
    if (bytes.size() < kIndexHeaderBytes + kIndexDigestBytes) {
        return damaged("too short");
    }
    const auto header = read_index_header(bytes);
    if (!header.is_ours) {
        return damaged("not one");
    }
    if (header.version != kIndexVersion) {
        return damaged(fmt::format("version {} is unknown", header.version));
    }
    const std::string_view digest =
        std::string_view(bytes).substr(bytes.size() - kIndexDigestBytes);
    if (digest !=
        index_digest(std::string_view(bytes).substr(0, bytes.size() - kIndexDigestBytes))) {
        return damaged("checksum");
    }
    LayerIndex index;
    index.bytes_ = std::move(bytes);
    TRY(index.check_entries());
    return index;
}

// Once for all readers, which rely on it.
Status LayerIndex::check_entries() {
    EntryDecoder decoder(body_of(bytes_));
    EntryCheck check;
    IndexEntry entry;
    for (; !decoder.at_end(); ++entries_) {
        if (!decoder.decode(entry)) {
            return damaged(fmt::format("entry {} is damaged", entries_));
        }
        if (const char* const wrong = check.add(entry)) {
            return damaged(fmt::format("{}: {}", shortened(entry.path), wrong));
        }
        if (entry.is_redirected && !redirected_) {
            redirected_ = entry.path;
        }
    }
    if (entries_ == 0) {
        return damaged("no entries");
    }
    return {};
}

IndexReader::IndexReader(const LayerIndex& index)
    : left_(index.entries()), decoder_(std::make_unique<EntryDecoder>(body_of(index.bytes()))) {}

IndexReader::~IndexReader() = default;
IndexReader::IndexReader(IndexReader&&) noexcept = default;

const IndexEntry* IndexReader::next() {
    if (left_ == 0) {
        return nullptr;
    }
    --left_;
    CHECK(decoder_->decode(entry_)); // parse() has decoded it before
    return &entry_;
}

} // namespace lamina
