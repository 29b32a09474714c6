// SPDX-License-Identifier: Apache-2.0
// What `docker save` writes, as an OCI layout would have it. Source: moby, image/tarexport.
#include <array>

#include <fmt/format.h>

#include "unpacker/base/limits.h"
#include "unpacker/codec/decoder.h"
#include "unpacker/image/image_name.h"
#include "unpacker/image/image_source.h"
#include "unpacker/image/media_types.h"

namespace lamina {
namespace {

Result<Digest> digest_of(ByteSource& source) {
    Sha256 hash;
    std::vector<std::byte> buffer(limits::kBlobReadBytes);
    while (true) {
        TRY_ASSIGN(const size_t got, source.read(buffer));
        if (got == 0) {
            return hash.finish();
        }
        hash.update(std::span(buffer).first(got));
    }
}

// Layers of `docker save` are plain, those of other programs may be compressed.
Result<Compression> compression_of(FileExtent file) {
    std::array<std::byte, kFrontBytes> front{};
    TRY_ASSIGN(const size_t got, read_fully(file, front));
    return sniff_compression(std::span(front).first(got));
}

tl::unexpected<Error> broken(std::string_view reason) {
    return fail(ErrorCode::invalid_argument, fmt::format("manifest.json: {}", reason));
}

// The image under each of its names, "repository:tag", as annotations; once if it has none.
std::vector<Descriptor> by_names(const Json& image, const Descriptor& descriptor) {
    std::vector<Descriptor> named;
    for (const Json& tag : member(image, "RepoTags")) {
        if (const auto* name = tag.get_ptr<const std::string*>()) {
            named.push_back(descriptor);
            named.back().json["annotations"] = {{kImageNameKey, *name},
                                                {kRefNameKey, tag_of(*name)}};
        }
    }
    return named.empty() ? std::vector{descriptor} : named;
}

} // namespace

Descriptor ImageSource::add_document(const std::string& media_type, std::string bytes) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(bytes)));
    Descriptor made{media_type, hash.finish(), bytes.size(), Json::object()};
    made.json = {{"mediaType", media_type}};
    documents_[made.digest] = std::move(bytes);
    return made.with_content(made.digest, made.size_bytes);
}

Result<Descriptor> ImageSource::add_docker_layer(const std::string& name, const Digest& diff_id) {
    TRY_ASSIGN(const FileExtent file, files_->open(name));
    TRY_ASSIGN(const Compression compression, compression_of(file));
    Digest digest = diff_id; // of a plain layer, and checked when it is read
    if (compression != Compression::none) {
        FileExtent all = file;
        TRY_ASSIGN(digest, digest_of(all));
    }
    names_[digest] = name;
    const std::string type = layer_type(kOciManifestType, compression);
    Descriptor layer{type, digest, file.bytes_left(), {{"mediaType", type}}};
    return layer.with_content(digest, layer.size_bytes);
}

Result<Descriptor> ImageSource::add_docker_image(const Json& image) {
    const auto config_name = text_member(image, "Config");
    const Json& layer_names = member(image, "Layers");
    if (!config_name || !layer_names.is_array()) {
        return broken("an image has no Config or no Layers");
    }
    TRY_ASSIGN(std::string config_text, read_whole_file(*files_, *config_name));
    TRY_ASSIGN(const Json config, parse_json_object(config_text, *config_name));
    const Json& diff_ids = member(member(config, "rootfs"), "diff_ids");
    if (!diff_ids.is_array() || diff_ids.size() != layer_names.size()) {
        return broken(fmt::format("{} has another number of layers", *config_name));
    }
    Json layers = Json::array();
    for (size_t i = 0; i < layer_names.size(); ++i) {
        if (!layer_names[i].is_string() || !diff_ids[i].is_string()) {
            return broken("a layer is no string");
        }
        TRY_ASSIGN(const Digest diff_id, Digest::parse(diff_ids[i].get<std::string>()));
        TRY_ASSIGN(const Descriptor layer,
                   add_docker_layer(layer_names[i].get<std::string>(), diff_id));
        layers.push_back(layer.json);
    }
    const Json manifest = {
        {"schemaVersion", 2},
        {"mediaType", kOciManifestType},
        {"config", add_document(std::string(kOciConfigType), std::move(config_text)).json},
        {"layers", layers}};
    return add_document(std::string(kOciManifestType), manifest.dump());
}

Status ImageSource::read_docker_archive() {
    TRY_ASSIGN(const std::string text, read_whole_file(*files_, "manifest.json"));
    TRY_ASSIGN(const Json images, parse_json_array(text, "manifest.json"));
    index_ = {{"schemaVersion", 2}, {"mediaType", kOciIndexType}, {"manifests", Json::array()}};
    for (const Json& image : images) {
        if (member(image, "RepoTags").size() > limits::kManifestsMax) {
            return fail(ErrorCode::resource_exhausted, "manifest.json: too many names of an image");
        }
        TRY_ASSIGN(const Descriptor made, add_docker_image(image));
        for (Descriptor& named : by_names(image, made)) {
            index_["manifests"].push_back(named.json);
            images_.push_back(std::move(named));
        }
    }
    return {};
}

} // namespace lamina
