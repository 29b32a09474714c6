// SPDX-License-Identifier: Apache-2.0
#include "unpacker/image/layout_writer.h"

#include <cerrno>
#include <cstdlib>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/base/limits.h"
#include "unpacker/image/layout_archive.h"
#include "unpacker/tree/remove_tree.h"

namespace lamina {
namespace {

constexpr const char* kBlobs = "blobs/sha256/";
constexpr const char* kNewBlob = "blobs/sha256/.new";
constexpr const char* kArchive = ".archive";
constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kFileMode = 0644;

Status make_directory_at(int directory, const char* name) {
    return ::mkdirat(directory, name, kDirectoryMode) == 0 ? Status{}
                                                           : fail(errno_error("mkdir", name));
}

Status pump(ByteSource& from, ByteSink& to) {
    std::vector<std::byte> buffer(limits::kBlobReadBytes);
    while (true) {
        TRY_ASSIGN(const size_t got, from.read(buffer));
        if (got == 0) {
            return to.finish();
        }
        TRY(to.write(std::span(buffer).first(got)));
    }
}

} // namespace

// Where the image will be, and the private directory beside it.
struct LayoutWriter::Place {
    ImageForm form;
    Fd parent;
    std::string name;      // in `parent`
    std::string temporary; // same; empty once it was renamed
    Fd root;               // of the private directory

    ~Place() {
        if (!temporary.empty()) {
            (void)remove_tree(parent.get(), temporary);
        }
    }
};

LayoutWriter::LayoutWriter(std::unique_ptr<Place> place) : place_(std::move(place)) {}
LayoutWriter::LayoutWriter(LayoutWriter&&) noexcept = default;
LayoutWriter::~LayoutWriter() = default;

Result<LayoutWriter> LayoutWriter::create(const std::string& path, ImageForm form) {
    const std::string trimmed = path.substr(0, path.find_last_not_of('/') + 1);
    const size_t slash = trimmed.rfind('/');
    const std::string parent = slash == std::string::npos ? "." : trimmed.substr(0, slash + 1);
    auto place = std::make_unique<Place>();
    place->form = form;
    place->name = trimmed.substr(slash == std::string::npos ? 0 : slash + 1);
    if (place->name.empty() || place->name == "." || place->name == "..") {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("\"{}\" is no name for an image", path));
    }
    TRY_ASSIGN(place->parent, open_file(parent, O_RDONLY | O_DIRECTORY));
    struct stat status{};
    const bool is_there =
        ::fstatat(place->parent.get(), place->name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there && (form == ImageForm::oci_directory || S_ISDIR(status.st_mode))) {
        return fail(ErrorCode::already_exists, fmt::format("{} exists", path));
    }
    std::string temporary = fmt::format("{}/.{}.XXXXXX", parent, place->name);
    if (::mkdtemp(temporary.data()) == nullptr) {
        return fail(errno_error("mkdtemp", temporary));
    }
    place->temporary = temporary.substr(parent.size() + 1);
    TRY_ASSIGN(place->root, open_directory_at(place->parent.get(), place->temporary));
    TRY(make_directory_at(place->root.get(), "blobs"));
    TRY(make_directory_at(place->root.get(), "blobs/sha256"));
    return LayoutWriter(std::move(place));
}

Result<std::unique_ptr<LayoutWriter::NewBlob>> LayoutWriter::start_blob() {
    TRY_ASSIGN(Fd file, open_at(place_->root.get(), kNewBlob,
                                O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, kFileMode));
    return std::make_unique<NewBlob>(std::move(file));
}

Result<Descriptor> LayoutWriter::add_blob(NewBlob& blob, const Descriptor& like) {
    const uint64_t size = blob.hashing_.bytes();
    const Digest digest = blob.hashing_.digest();
    const std::string name = kBlobs + std::string(digest.hex());
    if (::renameat(place_->root.get(), kNewBlob, place_->root.get(), name.c_str()) != 0) {
        return fail(errno_error("rename", name));
    }
    blobs_.insert(digest);
    return like.with_content(digest, size);
}

Status LayoutWriter::copy_blob(const ImageSource& source, const Descriptor& descriptor) {
    if (blobs_.contains(descriptor.digest)) {
        return {};
    }
    TRY_ASSIGN(const auto from, source.open_blob(descriptor));
    TRY_ASSIGN(const auto to, start_blob());
    TRY(pump(*from, *to));
    TRY(add_blob(*to, descriptor));
    return {};
}

Result<Descriptor> LayoutWriter::add_document(const Json& document, const Json& like) {
    TRY_ASSIGN(const auto blob, start_blob());
    const std::string text = document.dump();
    TRY(blob->write(std::as_bytes(std::span(text))));
    TRY(blob->finish());
    const auto type = text_member(like, "mediaType").value_or("");
    return add_blob(*blob, Descriptor{type, Sha256().finish(), 0, like});
}

Result<FileExtent> LayoutWriter::open_blob(const Digest& digest) const {
    const std::string name = kBlobs + std::string(digest.hex());
    TRY_ASSIGN(Fd file, open_at(place_->root.get(), name, O_RDONLY | O_NOFOLLOW));
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) {
        return fail(errno_error("stat", name));
    }
    return FileExtent(std::make_shared<const Fd>(std::move(file)), 0,
                      static_cast<uint64_t>(status.st_size));
}

Status LayoutWriter::write_file(const std::string& name, const std::string& bytes) {
    TRY_ASSIGN(const Fd file,
               open_at(place_->root.get(), name, O_WRONLY | O_CREAT | O_EXCL, kFileMode));
    FileSink sink(file.get(), name);
    TRY(sink.write(std::as_bytes(std::span(bytes))));
    return sink.finish();
}

Status LayoutWriter::publish(const Json& index, const Json& manifest_json) {
    TRY(write_file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
    TRY(write_file("index.json", index.dump()));
    if (place_->form != ImageForm::oci_directory) {
        return publish_archive(manifest_json);
    }
    // Everything is on the disk before the name says so.
    if (::fchmod(place_->root.get(), kDirectoryMode) != 0 || ::syncfs(place_->root.get()) != 0) {
        return fail(errno_error("sync", place_->name));
    }
    const int parent = place_->parent.get();
    if (::renameat2(parent, place_->temporary.c_str(), parent, place_->name.c_str(),
                    RENAME_NOREPLACE) != 0) {
        return fail(errno_error("rename", place_->name));
    }
    place_->temporary.clear();
    return {};
}

Status LayoutWriter::publish_archive(const Json& manifest_json) {
    std::vector<std::string> names;
    for (const Digest& digest : blobs_) { // a set: in the order of their digests
        names.push_back(kBlobs + std::string(digest.hex()));
    }
    names.insert(names.end(), {"index.json", "oci-layout"});
    if (place_->form == ImageForm::docker_archive) {
        TRY(write_file("manifest.json", manifest_json.dump()));
        names.emplace_back("manifest.json");
    }
    const int root = place_->root.get();
    TRY_ASSIGN(const Fd archive, open_at(root, kArchive, O_WRONLY | O_CREAT | O_EXCL, kFileMode));
    FileSink sink(archive.get(), place_->name);
    TRY(write_layout_archive(root, names, sink));
    TRY(sink.finish());
    if (::fsync(archive.get()) != 0 ||
        ::renameat(root, kArchive, place_->parent.get(), place_->name.c_str()) != 0) {
        return fail(errno_error("rename", place_->name));
    }
    return {};
}

} // namespace lamina
