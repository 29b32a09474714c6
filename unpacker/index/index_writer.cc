// SPDX-License-Identifier: Apache-2.0
#include "unpacker/index/index_writer.h"

#include <cerrno>
#include <span>

#include <unistd.h>

#include "unpacker/index/entry_codec.h"
#include "unpacker/index/index_header.h"

namespace lamina {
namespace {

constexpr size_t kBufferBytes = 64 * 1024; // a write(2) for some 3,000 entries

Status write_all(int file, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) {
            return fail(errno_error("write", "index of a layer"));
        }
        bytes.remove_prefix(written > 0 ? static_cast<size_t>(written) : 0);
    }
    return {};
}

} // namespace

IndexWriter::IndexWriter(int file)
    : file_(file), encoder_(std::make_unique<EntryEncoder>()), buffer_(make_index_header()) {}
IndexWriter::~IndexWriter() = default;

Status IndexWriter::add(const IndexEntry& entry) {
    encoder_->encode(entry, buffer_);
    return buffer_.size() < kBufferBytes ? Status() : flush();
}

Status IndexWriter::flush() {
    digest_.update(std::as_bytes(std::span(buffer_)));
    TRY(write_all(file_, buffer_));
    buffer_.clear();
    return {};
}

Status IndexWriter::finish() {
    TRY(flush());
    const Sha256Hash hash = digest_.finish_hash();
    return write_all(file_, {reinterpret_cast<const char*>(hash.data()), hash.size()});
}

} // namespace lamina
