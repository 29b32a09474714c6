// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "unpacker/base/byte_source.h"
#include "unpacker/image/image_files.h"
#include "unpacker/image/json.h"

namespace lamina {

// How an image lies on disk.
enum class ImageForm { oci_directory, oci_archive, docker_archive };

// An image that lies in files: an OCI layout as a directory or as a tar archive, or an archive by
// `docker save` of any version. The latter is shown as what it would be in an OCI layout.
//
// Nothing that it says is believed: documents and blobs are checked against the digest and size of
// the descriptor that leads to them. Const functions may be called by several threads.
class ImageSource {
  public:
    // Errors name the file and what is wrong with it.
    static Result<ImageSource> open(const std::string& path);

    // Of blobs that something else holds, under the names that they have in a layout. `index` is
    // what index.json would be.
    static Result<ImageSource> from_files(std::shared_ptr<const ImageFiles> files, Json index);

    [[nodiscard]] ImageForm form() const { return form_; }

    // index.json. Its descriptors are the images that the layout holds.
    [[nodiscard]] const Json& index() const { return index_; }
    [[nodiscard]] const std::vector<Descriptor>& images() const { return images_; }

    // An index, manifest or configuration, whole. data_loss when it is not what the descriptor
    // says, not_found when it is missing, resource_exhausted beyond limits::kDocumentBytesMax.
    [[nodiscard]] Result<std::string> read_document(const Descriptor& descriptor) const;

    // Same, parsed.
    [[nodiscard]] Result<Json> read_json(const Descriptor& descriptor) const;

    // A blob to be read once. The read that would give the last byte fails with data_loss if the
    // bytes are not what the descriptor says. It may outlive this.
    [[nodiscard]] Result<std::unique_ptr<ByteSource>> open_blob(const Descriptor& descriptor) const;

  private:
    ImageSource(std::shared_ptr<const ImageFiles> files, ImageForm form)
        : files_(std::move(files)), form_(form) {}

    static Result<ImageSource> open_files(const std::string& path);
    Status read_layout();
    Status read_index(Json index);
    Status read_docker_archive();
    Result<Descriptor> add_docker_image(const Json& image);
    Result<Descriptor> add_docker_layer(const std::string& name, const Digest& diff_id);
    Descriptor add_document(const std::string& media_type, std::string bytes);

    std::shared_ptr<const ImageFiles> files_;
    ImageForm form_;
    Json index_;
    std::vector<Descriptor> images_;
    std::map<Digest, std::string> documents_; // made here, not read
    std::map<Digest, std::string> names_;     // blobs that are not under their digest's name
};

// The file's bytes. Errors as of read_document().
[[nodiscard]] Result<std::string> read_whole_file(const ImageFiles& files, const std::string& name);

} // namespace lamina
