// SPDX-License-Identifier: Apache-2.0
#include "unpacker/image/layout_writer.h"

#include <vector>

#include "unpacker/base/limits.h"
#include "unpacker/base/stop.h"
#include "unpacker/image/layout_place.h"

namespace lamina {
namespace {

Status pump(ByteSource& from, ByteSink& to, const std::stop_token& stop) {
    std::vector<std::byte> buffer(limits::kBlobReadBytes);
    while (true) {
        TRY(check_stop(stop));
        TRY_ASSIGN(const size_t got, from.read(buffer));
        if (got == 0) {
            return to.finish();
        }
        TRY(to.write(std::span(buffer).first(got)));
    }
}

} // namespace

LayoutWriter::LayoutWriter(std::unique_ptr<LayoutPlace> place) : place_(std::move(place)) {}
LayoutWriter::LayoutWriter(LayoutWriter&&) noexcept = default;
LayoutWriter::~LayoutWriter() = default;

Result<LayoutWriter> LayoutWriter::create(const std::string& path, ImageForm form) {
    TRY_ASSIGN(auto place, LayoutPlace::create(path, form));
    return LayoutWriter(std::move(place));
}

Result<std::unique_ptr<LayoutWriter::NewBlob>> LayoutWriter::start_blob() {
    TRY_ASSIGN(auto file, place_->start_blob());
    return std::make_unique<NewBlob>(std::move(file));
}

Result<Descriptor> LayoutWriter::add_blob(NewBlob& blob, const Descriptor& like) {
    const uint64_t size = blob.hashing_.bytes();
    const Digest digest = blob.hashing_.digest();
    TRY(place_->keep_blob(digest, size));
    blobs_.insert(digest);
    return like.with_content(digest, size);
}

Status LayoutWriter::copy_blob(const ImageSource& source, const Descriptor& descriptor,
                               const std::stop_token& stop) {
    if (blobs_.contains(descriptor.digest)) {
        return {};
    }
    TRY_ASSIGN(const auto from, source.open_blob(descriptor));
    TRY_ASSIGN(const auto to, start_blob());
    TRY(pump(*from, *to, stop));
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
    return place_->open_blob(digest);
}

Status LayoutWriter::publish(const Json& index, const Json& manifest_json) {
    TRY(place_->write_file("index.json", index.dump()));
    TRY(place_->write_file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
    if (place_->form() == ImageForm::docker_archive) {
        TRY(place_->write_file("manifest.json", manifest_json.dump()));
    }
    return place_->publish();
}

} // namespace lamina
