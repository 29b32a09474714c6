// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/image_documents.h"

#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lamina {
namespace {

using Json = nlohmann::json;

tl::unexpected<Error> not_understood(std::string_view what) {
    return fail(ErrorCode::invalid_argument, fmt::format("no image's JSON: {}", what));
}

Result<Json> parse(std::string_view text) {
    Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!document.is_object()) { // so is nothing that could not be parsed
        return not_understood("it is no object");
    }
    return document;
}

// Null when there is none.
const Json& member(const Json& object, const char* name) {
    static const Json kNothing;
    const auto found = object.find(name); // end() for everything that is no object
    return found == object.end() ? kNothing : *found;
}

Result<Digest> to_digest(const Json& value) {
    const auto* text = value.get_ptr<const std::string*>();
    return text == nullptr ? not_understood("a digest is no string") : Digest::parse(*text);
}

Result<BlobDescriptor> to_descriptor(const Json& value) {
    TRY_ASSIGN(Digest digest, to_digest(member(value, "digest")));
    const auto* media_type = member(value, "mediaType").get_ptr<const std::string*>();
    const auto* size = member(value, "size").get_ptr<const Json::number_unsigned_t*>();
    if (media_type == nullptr || size == nullptr) {
        return not_understood("a descriptor lacks its media type or size");
    }
    return BlobDescriptor{*media_type, std::move(digest), *size};
}

} // namespace

Result<ImageManifest> parse_image_manifest(std::string_view json) {
    TRY_ASSIGN(const Json document, parse(json));
    TRY_ASSIGN(BlobDescriptor config, to_descriptor(member(document, "config")));
    const Json& layers = member(document, "layers");
    if (!layers.is_array()) {
        return not_understood("there are no layers");
    }
    ImageManifest manifest{std::move(config), {}};
    for (const Json& layer : layers) {
        TRY_ASSIGN(BlobDescriptor descriptor, to_descriptor(layer));
        manifest.layers.push_back(std::move(descriptor));
    }
    return manifest;
}

Result<std::vector<Digest>> parse_diff_ids(std::string_view json) {
    TRY_ASSIGN(const Json document, parse(json));
    const Json& values = member(member(document, "rootfs"), "diff_ids");
    if (!values.is_array()) {
        return not_understood("there are no diff IDs");
    }
    std::vector<Digest> diff_ids;
    for (const Json& value : values) {
        TRY_ASSIGN(Digest diff_id, to_digest(value));
        diff_ids.push_back(std::move(diff_id));
    }
    return diff_ids;
}

std::vector<Digest> chain_ids(const std::vector<Digest>& diff_ids) {
    std::vector<Digest> chain;
    for (const Digest& diff_id : diff_ids) {
        if (chain.empty()) {
            chain.push_back(diff_id);
            continue;
        }
        const std::string text = chain.back().text() + " " + diff_id.text();
        Sha256 hash;
        hash.update(std::as_bytes(std::span(text)));
        chain.push_back(hash.finish());
    }
    return chain;
}

} // namespace lamina
