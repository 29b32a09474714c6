// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/blob_store.h"

#include <array>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "snapshotter/service/content_client.h"
#include "unpacker/base/fd.h"

namespace lamina {
namespace {

// An invalid Fd when there is no such file. A file of another size is no blob of containerd's,
// which renames blobs into place when they are complete (plugins/content/local/writer.go).
Fd open_blob_file(const std::string& root, const Digest& digest, uint64_t size) {
    auto file = open_file(fmt::format("{}/blobs/sha256/{}", root, digest.hex()), O_RDONLY);
    struct stat status{};
    if (!file || fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode) ||
        static_cast<uint64_t>(status.st_size) != size) {
        return {};
    }
    return std::move(*file);
}

} // namespace

Result<std::unique_ptr<BlobSource>>
BlobStore::open_within(std::optional<std::chrono::milliseconds> time,
                       const std::string& containerd_namespace, const Digest& digest, uint64_t size,
                       const std::stop_token& stop) {
    if (!content_root_.empty()) {
        if (Fd file = open_blob_file(content_root_, digest, size); file.valid()) {
            return std::make_unique<FileBlob>(std::move(file));
        }
    }
    return client_.read(containerd_namespace, digest, size, stop, time);
}

Result<std::unique_ptr<BlobSource>> BlobStore::open(const std::string& containerd_namespace,
                                                    const Digest& digest, uint64_t size,
                                                    const std::stop_token& stop) {
    return open_within(std::nullopt, containerd_namespace, digest, size, stop);
}

Result<std::string> BlobStore::read(const std::string& containerd_namespace, const Digest& digest,
                                    uint64_t size, const std::stop_token& stop) {
    TRY_ASSIGN(const auto blob,
               open_within(client_.call_time(), containerd_namespace, digest, size, stop));
    std::string bytes;
    std::array<std::byte, 16 * 1024> buffer{};
    for (;;) {
        TRY_ASSIGN(const size_t count, blob->read(buffer));
        if (count == 0 || bytes.size() > size) {
            return bytes;
        }
        bytes.append(reinterpret_cast<const char*>(buffer.data()), count);
    }
}

bool BlobStore::has(const std::string& containerd_namespace, const Digest& digest, uint64_t size,
                    const std::stop_token& stop) {
    if (!content_root_.empty() && open_blob_file(content_root_, digest, size).valid()) {
        return true;
    }
    const auto known = client_.size_of(containerd_namespace, digest, stop);
    return known && *known == size;
}

} // namespace lamina
