// SPDX-License-Identifier: Apache-2.0
#include "unpacker/index/index_writer.h"

#include <span>

#include "unpacker/index/entry_codec.h"
#include "unpacker/index/index_header.h"

namespace lamina {
namespace {

constexpr size_t kBufferBytes = 64 * 1024; // hashed at a time: some 3,000 entries

} // namespace

IndexWriter::IndexWriter(int file)
    : file_(file, "index of a layer"), encoder_(std::make_unique<EntryEncoder>()),
      buffer_(make_index_header()) {}
IndexWriter::~IndexWriter() = default;

Status IndexWriter::add(const IndexEntry& entry) {
    encoder_->encode(entry, buffer_);
    return buffer_.size() < kBufferBytes ? Status() : flush();
}

Status IndexWriter::flush() {
    const auto bytes = std::as_bytes(std::span(buffer_));
    digest_.update(bytes);
    TRY(file_.write(bytes));
    buffer_.clear();
    return {};
}

Status IndexWriter::finish() {
    TRY(flush());
    TRY(file_.write(digest_.finish_hash()));
    return file_.finish();
}

} // namespace lamina
