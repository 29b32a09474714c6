// SPDX-License-Identifier: Apache-2.0
#include "unpacker/image/layout_archive.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "unpacker/base/limits.h"
#include "unpacker/image/image_files.h"
#include "unpacker/tar_writer/tar_writer.h"

namespace lamina {
namespace {

Status add_directory(TarWriter& writer, const std::string& name) {
    Entry entry;
    entry.type = EntryType::directory;
    entry.name = name;
    entry.mode = 0755;
    return writer.add(entry);
}

Status add_file(TarWriter& writer, int root, const std::string& name) {
    TRY_ASSIGN(Fd file, open_at(root, name, O_RDONLY | O_NOFOLLOW));
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) {
        return fail(errno_error("stat", name));
    }
    Entry entry;
    entry.name = name;
    entry.mode = 0644;
    entry.size_bytes = static_cast<uint64_t>(status.st_size);
    TRY(writer.add(entry));
    FileExtent source(std::make_shared<const Fd>(std::move(file)), 0, entry.size_bytes);
    std::vector<std::byte> buffer(limits::kBlobReadBytes);
    while (source.bytes_left() > 0) {
        TRY_ASSIGN(const size_t got, source.read(buffer));
        TRY(writer.write(std::span(buffer).first(got)));
    }
    return {};
}

} // namespace

Status write_layout_archive(int root, const std::vector<std::string>& names, ByteSink& sink) {
    TarWriter writer(sink);
    TRY(add_directory(writer, "blobs"));
    TRY(add_directory(writer, "blobs/sha256"));
    for (const std::string& name : names) {
        TRY(add_file(writer, root, name));
    }
    return writer.finish();
}

} // namespace lamina
