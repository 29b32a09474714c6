// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <map>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "unpacker/base/limits.h"
#include "unpacker/base/text.h"
#include "unpacker/image/image_files.h"
#include "unpacker/tar/reader.h"

namespace lamina {
namespace {

struct Member {
    uint64_t offset_bytes = 0;
    uint64_t size_bytes = 0;
    std::string link; // not empty: what it says is under that name
};

using Members = std::map<std::string, Member>;

// `name`, which is relative to `directory`, without ".", ".." and doubled slashes. Nothing for one
// that leads out of the archive or is too long for anybody to ask for.
std::optional<std::string> clean_name(std::string_view directory, std::string_view name) {
    if (directory.size() + name.size() > limits::kPathBytesMax) {
        return std::nullopt;
    }
    std::vector<std::string_view> parts;
    for (std::string_view rest : {directory, name}) {
        while (!rest.empty()) {
            const size_t end = std::min(rest.find('/'), rest.size());
            const std::string_view part = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
            if (part == ".." && parts.empty()) {
                return std::nullopt;
            }
            if (part == "..") {
                parts.pop_back();
            } else if (!part.empty() && part != ".") {
                parts.push_back(part);
            }
        }
    }
    return parts.empty() ? std::nullopt : std::optional(fmt::format("{}", fmt::join(parts, "/")));
}

std::string_view directory_of(std::string_view name) {
    const size_t slash = name.rfind('/');
    return slash == std::string_view::npos ? "" : name.substr(0, slash);
}

// Finds out where the members of an archive lie, without reading what they hold. The tar reader
// gets one block at a time, so that where it stands in the file is known after each header.
class ArchiveScan {
  public:
    ArchiveScan(std::shared_ptr<const Fd> file, uint64_t size_bytes)
        : file_(std::move(file)), size_(size_bytes) {}

    Result<Members> run() {
        Members members;
        while (true) {
            TarReader reader([this] { return next_block(); });
            auto next = reader.next_entry();
            TRY(status_);
            TRY_ASSIGN(const auto entry, std::move(next));
            if (!entry) {
                return members;
            }
            TRY(add(*entry, members));
        }
    }

  private:
    std::optional<Slice> next_block() {
        if (at_ == size_) {
            return std::nullopt;
        }
        if (size_ - at_ < kTarBlockBytes) {
            status_ = fail(ErrorCode::data_loss, "the archive ends within a header");
            return std::nullopt;
        }
        std::array<std::byte, kTarBlockBytes> block{};
        FileExtent source(file_, at_, block.size());
        if (const auto got = read_fully(source, block); !got) {
            status_ = fail(got.error());
            return std::nullopt;
        }
        at_ += block.size();
        return copy_to_slice(block);
    }

    Status add(const Entry& entry, Members& members) {
        if (entry.is_sparse) { // its bytes are not in one place
            return fail(ErrorCode::unimplemented,
                        fmt::format("{}: sparse file, which is not read within an image (tar "
                                    "without --sparse makes others)",
                                    shortened(entry.name)));
        }
        const uint64_t body = entry.type == EntryType::file ? entry.size_bytes : 0;
        if (body > size_ - at_) {
            return fail(ErrorCode::data_loss,
                        fmt::format("{}: the archive ends within it", shortened(entry.name)));
        }
        Member member{at_, body, {}};
        at_ = std::min(size_, at_ + (body + kTarBlockBytes - 1) / kTarBlockBytes * kTarBlockBytes);
        const auto name = clean_name("", entry.name);
        const bool is_link = entry.type == EntryType::symlink || entry.type == EntryType::hard_link;
        if (!name || (entry.type != EntryType::file && !is_link)) {
            return {}; // nobody can ask for it
        }
        if (is_link) { // a hard link is named from the top, a symbolic one from where it is
            const bool from_top = entry.type == EntryType::hard_link;
            const auto to = clean_name(from_top ? "" : directory_of(*name), entry.link_name);
            if (!to) {
                return {};
            }
            member.link = *to;
        }
        if (members.size() == limits::kImageFilesMax) {
            return fail(ErrorCode::resource_exhausted,
                        fmt::format("more than {} files", limits::kImageFilesMax));
        }
        members[*name] = std::move(member); // a later one replaces it, as when unpacked
        return {};
    }

    std::shared_ptr<const Fd> file_;
    uint64_t size_;
    uint64_t at_ = 0;
    Status status_;
};

class ArchiveFiles final : public ImageFiles {
  public:
    ArchiveFiles(std::shared_ptr<const Fd> file, Members members)
        : file_(std::move(file)), members_(std::move(members)) {}

    [[nodiscard]] Result<FileExtent> open(const std::string& name) const override {
        const auto wanted = clean_name("", name);
        if (!wanted) {
            return fail(ErrorCode::invalid_argument,
                        fmt::format("\"{}\" leads out of the archive", shortened(name)));
        }
        auto found = members_.find(*wanted);
        for (unsigned links = 0; found != members_.end() && !found->second.link.empty(); ++links) {
            if (links == limits::kLinksMax) {
                return fail(ErrorCode::invalid_argument,
                            fmt::format("{}: too many links", shortened(name)));
            }
            found = members_.find(found->second.link);
        }
        if (found == members_.end()) {
            return fail(ErrorCode::not_found,
                        fmt::format("{} is not in the archive", shortened(name)));
        }
        return FileExtent(file_, found->second.offset_bytes, found->second.size_bytes);
    }

  private:
    std::shared_ptr<const Fd> file_;
    Members members_;
};

} // namespace

Result<std::unique_ptr<ImageFiles>> open_archive_files(const std::string& path) {
    // O_NONBLOCK: opening a fifo waits for nobody.
    TRY_ASSIGN(Fd opened, open_file(path, O_RDONLY | O_NONBLOCK));
    struct stat status{};
    if (::fstat(opened.get(), &status) != 0) {
        return fail(errno_error("stat", path));
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("{} is neither a directory nor a regular file", path));
    }
    auto file = std::make_shared<const Fd>(std::move(opened));
    auto members = ArchiveScan(file, static_cast<uint64_t>(status.st_size)).run();
    if (!members) {
        return fail(with_context(path, members.error()));
    }
    return std::make_unique<ArchiveFiles>(std::move(file), *std::move(members));
}

} // namespace lamina
