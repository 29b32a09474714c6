// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "unpacker/image/layout_place.h"
#include "unpacker/tar_writer/tar_writer.h"

namespace lamina {
namespace {

constexpr const char* kArchive = "archive";
constexpr uint64_t kTarBlockBytes = 512;

class StringSink final : public ByteSink {
  public:
    Status write(std::span<const std::byte> bytes) override {
        text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return {};
    }
    Status finish() override { return {}; }

    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
};

// The header with a size, in base 256 beyond the 8 GiB that octal digits can tell, as every reader
// knows it since GNU tar. libarchive would make a PAX header of it, for which there is no room.
std::string with_size(std::string header, uint64_t size) {
    constexpr size_t kSizeAt = 124;
    constexpr size_t kSizeBytes = 12;
    constexpr size_t kSumAt = 148;
    constexpr size_t kSumBytes = 8;
    constexpr uint64_t kOctalMax = (uint64_t{1} << 33) - 1;
    std::string field = fmt::format("{:011o}{}", size, '\0');
    if (size > kOctalMax) {
        field.assign(kSizeBytes, '\0');
        field[0] = '\x80';
        for (size_t i = kSizeBytes; size > 0; size >>= 8) {
            field[--i] = static_cast<char>(size & 0xff);
        }
    }
    header.replace(kSizeAt, kSizeBytes, field);
    header.replace(kSumAt, kSumBytes, std::string(kSumBytes, ' ')); // so that it counts as blanks
    unsigned sum = 0;
    for (const char byte : header) {
        sum += static_cast<unsigned char>(byte);
    }
    return header.replace(kSumAt, kSumBytes, fmt::format("{:06o}{} ", sum, '\0'));
}

// The archive is written once: a blob goes where it will stay, and its header, which tells name and
// size, into the room before it when both are known. Headers have times of 1970 and no owners.
class ArchivePlace final : public LayoutPlace {
  public:
    Result<std::shared_ptr<const Fd>> start_blob() override {
        const auto content = static_cast<off_t>(end_ + kTarBlockBytes);
        if (::ftruncate(file_->get(), static_cast<off_t>(end_)) != 0 ||
            ::lseek(file_->get(), content, SEEK_SET) != content) {
            return fail(errno_error("seek", name()));
        }
        return file_;
    }

    Status keep_blob(const Digest& digest, uint64_t size_bytes) override {
        const uint64_t content = end_ + kTarBlockBytes;
        if (blobs_.contains(digest)) {
            return {}; // overwritten by the next one
        }
        Entry entry;
        entry.name = fmt::format("blobs/sha256/{}", digest.hex());
        entry.mode = kLayoutFileMode;
        entry.size_bytes = size_bytes;
        TRY(write_header(entry));
        blobs_[digest] = {content, size_bytes};
        end_ = content + padded(size_bytes);
        (void)::sync_file_range(file_->get(), 0, 0, SYNC_FILE_RANGE_WRITE); // on its way
        return {};
    }

    Result<FileExtent> open_blob(const Digest& digest) const override {
        const auto found = blobs_.find(digest);
        if (found == blobs_.end()) {
            return fail(ErrorCode::not_found, fmt::format("no blob {}", digest.text()));
        }
        return FileExtent(file_, found->second.offset_bytes, found->second.size_bytes);
    }

    Status write_file(const std::string& name, const std::string& bytes) override {
        TRY(start_blob());
        Entry entry;
        entry.name = name;
        entry.mode = kLayoutFileMode;
        entry.size_bytes = bytes.size();
        TRY(write_header(entry));
        TRY(write_at(end_ + kTarBlockBytes, bytes));
        end_ += kTarBlockBytes + padded(bytes.size());
        return {};
    }

  private:
    struct Blob {
        uint64_t offset_bytes = 0;
        uint64_t size_bytes = 0;
    };

    Status prepare() override {
        TRY_ASSIGN(Fd file, open_at(root(), kArchive, O_RDWR | O_CREAT | O_EXCL, kLayoutFileMode));
        file_ = std::make_shared<const Fd>(std::move(file));
        for (const char* name : {"blobs", "blobs/sha256"}) {
            Entry entry;
            entry.type = EntryType::directory;
            entry.name = name;
            entry.mode = 0755;
            TRY(write_header(entry));
            end_ += kTarBlockBytes;
        }
        return {};
    }

    Status rename_into_place() override {
        const uint64_t size = end_ + 2 * kTarBlockBytes; // the end of an archive is zeros
        if (::ftruncate(file_->get(), static_cast<off_t>(end_)) != 0 ||
            ::ftruncate(file_->get(), static_cast<off_t>(size)) != 0 ||
            ::fsync(file_->get()) != 0 ||
            ::renameat(root(), kArchive, parent(), name().c_str()) != 0) {
            return fail(errno_error("rename", name()));
        }
        return {};
    }

    Status write_header(const Entry& entry) {
        StringSink header;
        TarWriter writer(header);
        Entry without_size = entry;
        without_size.size_bytes = 0;
        TRY(writer.add(without_size));
        return write_at(end_, with_size(header.text(), entry.size_bytes));
    }

    Status write_at(uint64_t offset, std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t put =
                ::pwrite(file_->get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
            if (put < 0) {
                return fail(errno_error("write", name()));
            }
            bytes.remove_prefix(static_cast<size_t>(put));
            offset += static_cast<uint64_t>(put);
        }
        return {};
    }

    static uint64_t padded(uint64_t bytes) {
        return (bytes + kTarBlockBytes - 1) / kTarBlockBytes * kTarBlockBytes;
    }

    std::shared_ptr<const Fd> file_;
    uint64_t end_ = 0; // of what is kept
    std::map<Digest, Blob> blobs_;
};

} // namespace

std::unique_ptr<LayoutPlace> make_archive_place() {
    return std::make_unique<ArchivePlace>();
}

} // namespace lamina
