// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <stop_token>

#include "unpacker/base/chunk.h"
#include "unpacker/index/layer_index.h"

namespace lamina {

// Sees the files of a layer as its stream holds them.
class FileVisitor {
  public:
    virtual ~FileVisitor() = default;

    // The next file; its content follows piece by piece. Files come in path order.
    virtual Status begin(const IndexEntry& file) = 0;
    virtual Status content(std::span<const std::byte> bytes) = 0;
    virtual Status end() = 0;
};

// What is in a layer, read from its tar stream without unpacking it: the index that the unpacked
// tree would have, but for owner, mode and times of the root, which no layer tells.
//
// The stream must be of a form that leaves nothing to its readers, which is that of
// write_layer_tar(): each name is there once and plain (no ".", "..", or slashes too many); the
// directory that holds it is an entry before it; a hard link follows the name that has the content
// and repeats its metadata; an opaque mark follows its directory at once, and all other whiteouts
// come before anything but directories; from then on names are in path order. Then what any reader
// makes of it is just these entries: no name is resolved through a link, nothing is implied, and
// nothing is replaced. data_loss, naming the path, for any other stream.
[[nodiscard]] Result<LayerIndex> read_layer_stream(std::function<std::optional<Slice>()> next_slice,
                                                   FileVisitor& files, const std::stop_token& stop);

} // namespace lamina
