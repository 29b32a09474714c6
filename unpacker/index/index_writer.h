// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "unpacker/base/digest.h"
#include "unpacker/base/file_sink.h"
#include "unpacker/base/result.h"
#include "unpacker/index/index_entry.h"

namespace lamina {

class EntryEncoder;

// The file of an index, written as its entries come, for those who have them in order and need no
// LayerIndex: memory is a buffer, and each digest of xattrs once. One thread at a time.
class IndexWriter {
  public:
    // An empty file (borrowed).
    explicit IndexWriter(int file);
    ~IndexWriter();
    IndexWriter(const IndexWriter&) = delete;
    IndexWriter& operator=(const IndexWriter&) = delete;

    // In the order of path_order.h, with link groups as IndexEntry says. What is no tree is
    // noticed by who reads the file.
    Status add(const IndexEntry& entry);
    // The file is complete after this.
    Status finish();

  private:
    Status flush();

    FileSink file_;
    std::unique_ptr<EntryEncoder> encoder_;
    std::string buffer_;
    Sha256 digest_;
};

} // namespace lamina
