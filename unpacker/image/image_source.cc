// SPDX-License-Identifier: Apache-2.0
#include "unpacker/image/image_source.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "unpacker/base/limits.h"
#include "unpacker/image/checked_blob.h"
#include "unpacker/image/media_types.h"

namespace lamina {
namespace {

Result<std::string> read_whole(ByteSource& source, uint64_t size_bytes) {
    std::string bytes(size_bytes, '\0');
    TRY_ASSIGN(const size_t got, read_fully(source, std::as_writable_bytes(std::span(bytes))));
    bytes.resize(got);
    return bytes;
}

tl::unexpected<Error> too_large(const std::string& name) {
    return fail(ErrorCode::resource_exhausted,
                fmt::format("{} has more than {} bytes", name, limits::kDocumentBytesMax));
}

} // namespace

Result<std::string> read_whole_file(const ImageFiles& files, const std::string& name) {
    TRY_ASSIGN(FileExtent file, files.open(name));
    const uint64_t size = file.bytes_left();
    return size > limits::kDocumentBytesMax ? too_large(name) : read_whole(file, size);
}

Result<ImageSource> ImageSource::open(const std::string& path) {
    auto source = open_files(path);
    if (!source) {
        return fail(with_context(path, source.error()));
    }
    return source;
}

// A `docker save` since Docker 25 is both, and more is told by the layout.
Result<ImageSource> ImageSource::open_files(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) {
        return fail(errno_error("stat", path));
    }
    const bool is_directory = S_ISDIR(status.st_mode);
    TRY_ASSIGN(std::shared_ptr<const ImageFiles> files,
               is_directory ? open_directory_files(path) : open_archive_files(path));
    const bool is_docker = files->open("manifest.json").has_value();
    if (!is_docker || files->open("index.json")) {
        ImageSource source(files, is_directory ? ImageForm::oci_directory
                                  : is_docker  ? ImageForm::docker_archive
                                               : ImageForm::oci_archive);
        TRY(source.read_layout());
        return source;
    }
    ImageSource source(files, ImageForm::docker_archive);
    TRY(source.read_docker_archive());
    return source;
}

Status ImageSource::read_layout() {
    auto text = read_whole_file(*files_, "index.json");
    if (!text && text.error().code == ErrorCode::not_found) {
        return fail(ErrorCode::not_found,
                    "neither an OCI layout (no index.json) nor by docker save (no manifest.json)");
    }
    TRY(text);
    TRY_ASSIGN(Json index, parse_json_object(*text, "index.json"));
    return read_index(std::move(index));
}

Result<ImageSource> ImageSource::from_files(std::shared_ptr<const ImageFiles> files, Json index) {
    ImageSource source(std::move(files), ImageForm::oci_directory);
    TRY(source.read_index(std::move(index)));
    return source;
}

Status ImageSource::read_index(Json index) {
    index_ = std::move(index);
    for (const Json& image : member(index_, "manifests")) {
        TRY_ASSIGN(auto descriptor, Descriptor::parse(image));
        images_.push_back(std::move(descriptor));
    }
    return {};
}

Result<std::string> ImageSource::read_document(const Descriptor& descriptor) const {
    if (const auto made = documents_.find(descriptor.digest); made != documents_.end()) {
        return made->second;
    }
    if (descriptor.size_bytes > limits::kDocumentBytesMax) {
        return too_large(descriptor.digest.text());
    }
    TRY_ASSIGN(const auto blob, open_blob(descriptor));
    return read_whole(*blob, descriptor.size_bytes);
}

Result<Json> ImageSource::read_json(const Descriptor& descriptor) const {
    TRY_ASSIGN(const std::string text, read_document(descriptor));
    return parse_json_object(text, descriptor.digest.text());
}

Result<std::unique_ptr<ByteSource>> ImageSource::open_blob(const Descriptor& descriptor) const {
    const auto named = names_.find(descriptor.digest);
    const std::string name = named == names_.end()
                                 ? fmt::format("blobs/sha256/{}", descriptor.digest.hex())
                                 : named->second;
    TRY_ASSIGN(FileExtent file, files_->open(name));
    if (file.bytes_left() != descriptor.size_bytes) {
        return fail(ErrorCode::data_loss,
                    fmt::format("blob {} has {} bytes instead of {}", descriptor.digest.text(),
                                file.bytes_left(), descriptor.size_bytes));
    }
    return std::make_unique<CheckedBlob>(std::move(file), descriptor.digest);
}

} // namespace lamina
