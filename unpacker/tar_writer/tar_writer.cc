// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tar_writer/tar_writer.h"

#include <algorithm>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "unpacker/base/check.h"
#include "unpacker/base/text.h"

namespace lamina {
namespace {

constexpr std::string_view kWhiteoutPrefix = ".wh.";
constexpr std::string_view kOpaqueName = ".wh..wh..opq";

unsigned file_type(EntryType type) {
    switch (type) {
    case EntryType::file:
    case EntryType::hard_link:
        return AE_IFREG;
    case EntryType::directory:
        return AE_IFDIR;
    case EntryType::symlink:
        return AE_IFLNK;
    case EntryType::character_device:
        return AE_IFCHR;
    case EntryType::block_device:
        return AE_IFBLK;
    case EntryType::fifo:
        return AE_IFIFO;
    }
    CHECK(!"no such type of entry");
}

std::string_view base_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// libarchive (3.6.2) writes any other byte of an xattr's name as "%XX", which no reader of
// SCHILY.xattr.* turns back; "=" ends the name in PAX.
bool is_plain_key(std::string_view key) {
    return std::ranges::all_of(key,
                               [](char c) { return c > ' ' && c <= '~' && c != '%' && c != '='; });
}

// What would be read back as something else.
Status check_entry(const Entry& entry) {
    if (base_of(entry.name).starts_with(kWhiteoutPrefix)) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("{}: a layer cannot hold this name, it would be a whiteout",
                                shortened(entry.name)));
    }
    for (const auto& [key, value] : entry.xattrs) {
        if (!is_plain_key(key)) {
            return fail(ErrorCode::invalid_argument,
                        fmt::format("{}: an xattr named \"{}\" cannot be written",
                                    shortened(entry.name), shortened(key)));
        }
    }
    return {};
}

} // namespace

// One stream by two of libarchive's writers, which hand over each byte at once. The second one is
// for names beyond ASCII, as raw bytes: it puts a record "hdrcharset=BINARY" before every entry, so
// that using it for all would cost 1 KiB for each, and a warning by GNU tar.
struct TarWriter::Archive {
    ByteSink& sink;
    struct archive* plain = open("xattrheader=SCHILY");
    struct archive* binary = open("xattrheader=SCHILY,hdrcharset=BINARY");
    struct archive* current = plain;
    archive_entry* entry = archive_entry_new();
    Status sunk; // the sink's own error; nothing is handed to it after one
    bool is_over = false;

    explicit Archive(ByteSink& to) : sink(to) { CHECK(entry != nullptr); }

    ~Archive() {
        is_over = true; // freeing writes the end of an archive, unless it was written
        archive_write_free(plain);
        archive_write_free(binary);
        archive_entry_free(entry);
    }

    // Xattrs once, as SCHILY.xattr.*, which is what readers of layers know, and not in libarchive's
    // own form as well.
    struct archive* open(const char* options) {
        struct archive* writer = archive_write_new();
        CHECK(writer != nullptr);
        CHECK(archive_write_set_format_pax(writer) == ARCHIVE_OK);
        CHECK(archive_write_set_options(writer, options) == ARCHIVE_OK);
        CHECK(archive_write_add_filter_none(writer) == ARCHIVE_OK);
        archive_write_set_bytes_per_block(writer, 0); // keeps nothing back
        archive_write_set_bytes_in_last_block(writer, 1);
        CHECK(archive_write_open2(writer, this, nullptr, write, nullptr, nullptr) == ARCHIVE_OK);
        return writer;
    }

    // Never fails, since a writer that has failed does not free all that it has
    // (github.com/libarchive/libarchive, issue 1568). passed_on() tells.
    static la_ssize_t write(struct archive* /*writer*/, void* self, const void* bytes,
                            size_t size) {
        auto* archive = static_cast<Archive*>(self);
        if (archive->sunk && !archive->is_over) {
            archive->sunk = archive->sink.write({static_cast<const std::byte*>(bytes), size});
        }
        return static_cast<la_ssize_t>(size);
    }

    // Whether a call did all that it should: libarchive's answer was good, and the sink's too.
    [[nodiscard]] bool passed_on(bool is_good) const { return is_good && sunk.has_value(); }
};

TarWriter::TarWriter(ByteSink& sink, TarWriterOptions options)
    : archive_(std::make_unique<Archive>(sink)), options_(options) {}

TarWriter::~TarWriter() = default;

Error TarWriter::last_error(std::string_view name) const {
    if (!archive_->sunk) {
        return archive_->sunk.error();
    }
    const char* text = archive_error_string(archive_->current);
    return {ErrorCode::invalid_argument, 0,
            fmt::format("tar: {}: {}", shortened(name), text != nullptr ? text : "not written")};
}

Status TarWriter::add(const Entry& entry) {
    TRY(check_entry(entry));
    return put_header(entry);
}

Status TarWriter::put_header(const Entry& entry) {
    TRY(end_entry());
    const bool is_plain = is_ascii(entry.name) && is_ascii(entry.link_name);
    archive_->current = is_plain ? archive_->plain : archive_->binary;
    archive_entry* out = archive_entry_clear(archive_->entry);
    archive_entry_copy_pathname(out, entry.name.c_str());
    archive_entry_set_filetype(out, file_type(entry.type));
    archive_entry_set_perm(out, entry.mode);
    archive_entry_set_uid(out, static_cast<la_int64_t>(entry.uid));
    archive_entry_set_gid(out, static_cast<la_int64_t>(entry.gid));
    timespec mtime = entry.modify_time.tv_sec < 0 ? timespec{} : entry.modify_time;
    if (options_.mtime_max && mtime.tv_sec >= *options_.mtime_max) {
        mtime = {*options_.mtime_max, 0};
    }
    archive_entry_set_mtime(out, mtime.tv_sec, mtime.tv_nsec);
    const bool has_content = entry.type == EntryType::file;
    archive_entry_set_size(out, has_content ? static_cast<la_int64_t>(entry.size_bytes) : 0);
    if (entry.type == EntryType::symlink) {
        archive_entry_copy_symlink(out, entry.link_name.c_str());
    } else if (entry.type == EntryType::hard_link) {
        archive_entry_copy_hardlink(out, entry.link_name.c_str());
    } else if (entry.type == EntryType::character_device || entry.type == EntryType::block_device) {
        archive_entry_set_rdev(out, entry.device);
    }
    for (const auto& [key, value] : entry.xattrs) {
        archive_entry_xattr_add_entry(out, key.c_str(), value.data(), value.size());
    }
    // Warnings lose something.
    if (!archive_->passed_on(archive_write_header(archive_->current, out) == ARCHIVE_OK)) {
        return fail(last_error(entry.name));
    }
    bytes_left_ = has_content ? entry.size_bytes : 0;
    return {};
}

Status TarWriter::write(std::span<const std::byte> content) {
    CHECK(content.size() <= bytes_left_);
    bytes_left_ -= content.size();
    while (!content.empty()) {
        const la_ssize_t written =
            archive_write_data(archive_->current, content.data(), content.size());
        if (!archive_->passed_on(written > 0)) {
            return fail(last_error("content"));
        }
        content = content.subspan(static_cast<size_t>(written));
    }
    return {};
}

// Pads the content of the last entry to whole blocks.
Status TarWriter::end_entry() {
    CHECK(bytes_left_ == 0);
    if (!archive_->passed_on(archive_write_finish_entry(archive_->current) == ARCHIVE_OK)) {
        return fail(last_error("end of an entry"));
    }
    return {};
}

Status TarWriter::add_marker(std::string_view directory, std::string_view name) {
    Entry entry;
    entry.name = directory.empty() ? std::string(name) : fmt::format("{}/{}", directory, name);
    return put_header(entry);
}

Status TarWriter::add_whiteout(std::string_view path) {
    const size_t slash = path.rfind('/');
    const auto directory = slash == std::string_view::npos ? "" : path.substr(0, slash);
    return add_marker(directory, fmt::format("{}{}", kWhiteoutPrefix, base_of(path)));
}

Status TarWriter::add_opaque(std::string_view directory) {
    return add_marker(directory, kOpaqueName);
}

Status TarWriter::finish() {
    TRY(end_entry());
    if (!archive_->passed_on(archive_write_close(archive_->current) == ARCHIVE_OK)) {
        return fail(last_error("end of the archive"));
    }
    return {};
}

} // namespace lamina
