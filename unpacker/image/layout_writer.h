// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <stop_token>
#include <string>

#include "unpacker/base/byte_sink.h"
#include "unpacker/base/fd.h"
#include "unpacker/base/file_sink.h"
#include "unpacker/base/hashing_sink.h"
#include "unpacker/image/image_source.h"
#include "unpacker/image/json.h"

namespace lamina {

class LayoutPlace;

// Makes an image in a private directory beside the place where it will be, and puts it there whole
// with publish(); an image that is not published leaves nothing. Archives hold the same files as a
// directory does, in the order in which they were added and without times; that of Docker is an OCI
// layout with a manifest.json, as `docker save` has written it since Docker 25.
//
// One thread at a time.
class LayoutWriter {
  public:
    // already_exists when a directory is to be made where something is; an archive replaces a file
    // that is there.
    static Result<LayoutWriter> create(const std::string& path, ImageForm form);
    LayoutWriter(LayoutWriter&&) noexcept;
    ~LayoutWriter();

    // A blob that is written bit by bit; one at a time. After finish() of the sink, add_blob()
    // keeps it.
    class NewBlob;
    Result<std::unique_ptr<NewBlob>> start_blob();
    // The blob's digest and size, the rest from `json`.
    Result<Descriptor> add_blob(NewBlob& blob, const Descriptor& like);

    // Copies a blob as it is, if it has not been copied yet. canceled soon after `stop`.
    Status copy_blob(const ImageSource& source, const Descriptor& descriptor,
                     const std::stop_token& stop = {});

    // A document; what it points to is there already. The descriptor is `like` with its digest and
    // size.
    Result<Descriptor> add_document(const Json& document, const Json& like);

    // A blob of this writer, to be read once.
    Result<FileExtent> open_blob(const Digest& digest) const;

    // `manifest_json` is for Docker's form only.
    Status publish(const Json& index, const Json& manifest_json);

  private:
    explicit LayoutWriter(std::unique_ptr<LayoutPlace> place);

    std::unique_ptr<LayoutPlace> place_;
    std::set<Digest> blobs_;
};

class LayoutWriter::NewBlob final : public ByteSink {
  public:
    explicit NewBlob(std::shared_ptr<const Fd> file) : file_(std::move(file)) {}
    Status write(std::span<const std::byte> bytes) override { return hashing_.write(bytes); }
    Status finish() override { return sink_.finish(); }

  private:
    friend class LayoutWriter;
    std::shared_ptr<const Fd> file_;
    FileSink sink_{file_->get(), "blob"};
    HashingSink hashing_{sink_};
};

} // namespace lamina
