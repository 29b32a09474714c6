// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/image_tree.h"

#include <algorithm>

#include <fmt/format.h>

#include "unpacker/base/limits.h"
#include "unpacker/image/image_name.h"
#include "unpacker/image/media_types.h"

namespace lamina {
namespace {

// BuildKit's mark of an attestation manifest (buildkit, docs/attestations/attestation-storage.md).
constexpr const char* kReferenceTypeKey = "vnd.docker.reference.type";

tl::unexpected<Error> broken(const Descriptor& descriptor, std::string_view reason) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("manifest {}: {}", descriptor.digest.text(), reason));
}

class TreeReader {
  public:
    TreeReader(const ImageSource& source, std::string name, const Say& say)
        : source_(source), name_(std::move(name)), say_(say) {}

    Result<ImageNode> read(const Descriptor& descriptor, unsigned depth) {
        if (depth > limits::kIndexDepthMax || ++manifests_ > limits::kManifestsMax) {
            return fail(ErrorCode::resource_exhausted, "too many indexes or manifests");
        }
        TRY_ASSIGN(Json json, read_json(descriptor));
        if (is_index_type(descriptor.media_type) || json.contains("manifests")) {
            return read_index(descriptor, std::move(json), depth);
        }
        ImageNode node{descriptor, {}, {}, nullptr};
        TRY_ASSIGN(node.image, read_manifest(descriptor, std::move(json)));
        return node;
    }

  private:
    // All of them are held at once.
    Result<Json> read_json(const Descriptor& descriptor) {
        bytes_ += std::min(descriptor.size_bytes, limits::kAllDocumentsBytesMax);
        if (bytes_ > limits::kAllDocumentsBytesMax) {
            return fail(ErrorCode::resource_exhausted,
                        fmt::format("{}: the documents of the image have more than {} bytes",
                                    descriptor.digest.text(), limits::kAllDocumentsBytesMax));
        }
        return source_.read_json(descriptor);
    }

    Result<ImageNode> read_index(const Descriptor& descriptor, Json json, unsigned depth) {
        ImageNode node{descriptor, std::move(json), {}, nullptr};
        for (const Json& each : member(node.index, "manifests")) {
            TRY_ASSIGN(const Descriptor child, Descriptor::parse(each));
            if (annotation(each, kReferenceTypeKey)) {
                say_(fmt::format("left out: attestation {}", child.digest.text()));
                continue;
            }
            auto read_child = read(child, depth + 1);
            if (!read_child && (read_child.error().code == ErrorCode::not_found ||
                                read_child.error().code == ErrorCode::unimplemented)) {
                say_(fmt::format("left out: {}", read_child.error().message));
                continue;
            }
            if (!read_child) {
                return fail(read_child.error());
            }
            node.children.push_back(*std::move(read_child));
        }
        return node;
    }

    Result<std::unique_ptr<ImageLayers>> read_manifest(const Descriptor& descriptor, Json json) {
        TRY_ASSIGN(const Descriptor config, Descriptor::parse(member(json, "config")));
        if (!is_image_config_type(config.media_type)) {
            return fail(ErrorCode::unimplemented,
                        fmt::format("manifest {} is no image's, but of {}",
                                    descriptor.digest.text(), config.media_type));
        }
        std::vector<Descriptor> layers;
        for (const Json& each : member(json, "layers")) {
            TRY_ASSIGN(Descriptor layer, Descriptor::parse(each));
            layers.push_back(std::move(layer));
        }
        if (layers.size() > limits::kImageLayersMax) {
            return fail(ErrorCode::resource_exhausted,
                        fmt::format("manifest {}: {} layers, more than {}",
                                    descriptor.digest.text(), layers.size(),
                                    limits::kImageLayersMax));
        }
        auto config_json = read_json(config);
        if (!config_json) {
            const Error& error = config_json.error();
            return error.code == ErrorCode::resource_exhausted
                       ? fail(error)
                       : broken(descriptor, error.message); // the manifest is at hand
        }
        TRY_ASSIGN(ImageConfig parsed, ImageConfig::parse(*std::move(config_json)));
        if (parsed.diff_ids().size() != layers.size()) {
            return broken(descriptor, fmt::format("{} layers, but {} diff IDs", layers.size(),
                                                  parsed.diff_ids().size()));
        }
        return std::make_unique<ImageLayers>(
            ImageLayers{descriptor, std::move(json), std::move(layers), std::move(parsed), name_});
    }

    const ImageSource& source_;
    const std::string name_;
    const Say& say_;
    size_t manifests_ = 0;
    uint64_t bytes_ = 0; // of documents
};

void collect(const ImageNode& node, std::vector<const ImageLayers*>& out) {
    if (node.image != nullptr) {
        out.push_back(node.image.get());
    }
    for (const ImageNode& child : node.children) {
        collect(child, out);
    }
}

} // namespace

Result<ImageNode> read_image_tree(const ImageSource& source, const Descriptor& descriptor,
                                  const Say& say) {
    const auto name = annotation(descriptor.json, kImageNameKey);
    return TreeReader(source, name.value_or(""), say).read(descriptor, 0);
}

std::vector<const ImageLayers*> images_in(const ImageNode& node) {
    std::vector<const ImageLayers*> out;
    collect(node, out);
    return out;
}

} // namespace lamina
