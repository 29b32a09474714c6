// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "unpacker/base/byte_sink.h"
#include "unpacker/base/result.h"
#include "unpacker/tar/entry.h"

namespace lamina {

struct TarWriterOptions {
    // Seconds since 1970 that no mtime exceeds: SOURCE_DATE_EPOCH
    // (reproducible-builds.org/specs/source-date-epoch).
    std::optional<int64_t> mtime_max;
};

// Writes the tar stream of a layer: PAX, by libarchive. Equal calls give equal bytes: nothing of
// the machine, the user or the moment gets in, and no access or change times, user or group names.
// Names are raw bytes of any length.
//
// The order of the entries is the caller's. What readers need of it: a directory before what it
// holds; the opaque mark of a directory, then its whiteouts, before everything else in it; of hard
// links the name that has the content first.
//
// One thread at a time. After an error the stream is of no more use. Errors: invalid_argument for
// an entry that PAX or a layer cannot hold, else those of the sink.
class TarWriter {
  public:
    // `sink` is borrowed, and not finished.
    explicit TarWriter(ByteSink& sink, TarWriterOptions options = {});
    ~TarWriter();
    TarWriter(const TarWriter&) = delete;
    TarWriter& operator=(const TarWriter&) = delete;

    // Begins an entry. That of a file is followed by write() for `size_bytes` in all. A hard link
    // should repeat the metadata and xattrs of its inode, since readers apply them once more.
    // Times before 1970 become 1970, as they would when a layer is unpacked (layer/metadata.h).
    Status add(const Entry& entry);
    Status write(std::span<const std::byte> content);

    // `path` of the layers below is gone ("dir/.wh.name").
    Status add_whiteout(std::string_view path);
    // Nothing that layers below have in `directory` is seen ("dir/.wh..wh..opq"); "" is the root.
    Status add_opaque(std::string_view directory);

    // The end of the archive, after the last entry.
    Status finish();

  private:
    struct Archive;
    Status add_marker(std::string_view directory, std::string_view name);
    Status put_header(const Entry& entry);
    Status end_entry();
    [[nodiscard]] Error last_error(std::string_view name) const;

    std::unique_ptr<Archive> archive_;
    const TarWriterOptions options_;
    uint64_t bytes_left_ = 0; // of the current entry's content
};

} // namespace lamina
