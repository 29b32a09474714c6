// SPDX-License-Identifier: Apache-2.0
#include "unpacker/image/json.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "unpacker/base/limits.h"
#include "unpacker/base/text.h"

namespace lamina {
namespace {

// What makes a document too much for its size: depth, as writing and comparing recurse, and members
// of one object, as parsing looks for each among those before it. Null when there is nothing.
const char* excess_of(std::string_view text) {
    std::array<size_t, limits::kJsonDepthMax> members{}; // of each that is open
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '"') {
            in_string = !in_string;
        } else if (in_string) {
            i += c == '\\' ? 1 : 0; // passes over an escaped quote
        } else if (c == '{' || c == '[') {
            if (depth == limits::kJsonDepthMax) {
                return "nests too deep";
            }
            members[depth++] = 0;
        } else if (c == '}' || c == ']') {
            depth -= depth > 0 ? 1 : 0;
        } else if (c == ':' && depth > 0 && ++members[depth - 1] > limits::kJsonMembersMax) {
            return "has too many members in one object";
        }
    }
    return nullptr;
}

Result<Json> parse(std::string_view text, std::string_view what) {
    if (const char* excess = excess_of(text)) {
        return fail(ErrorCode::invalid_argument, fmt::format("{} {}", what, excess));
    }
    Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) {
        return fail(ErrorCode::invalid_argument, fmt::format("{} is no JSON", what));
    }
    return json;
}

tl::unexpected<Error> no_descriptor(std::string_view reason) {
    return fail(ErrorCode::invalid_argument, fmt::format("not a descriptor: {}", reason));
}

} // namespace

Result<Json> parse_json_object(std::string_view text, std::string_view what) {
    TRY_ASSIGN(Json json, parse(text, what));
    if (!json.is_object()) {
        return fail(ErrorCode::invalid_argument, fmt::format("{} is no JSON object", what));
    }
    return json;
}

Result<Json> parse_json_array(std::string_view text, std::string_view what) {
    TRY_ASSIGN(Json json, parse(text, what));
    if (!json.is_array()) {
        return fail(ErrorCode::invalid_argument, fmt::format("{} is no JSON array", what));
    }
    return json;
}

const Json& member(const Json& object, const char* name) {
    static const Json kNothing;
    if (!object.is_object()) {
        return kNothing;
    }
    const auto found = object.find(name);
    return found == object.end() ? kNothing : *found;
}

std::optional<std::string> text_member(const Json& object, const char* name) {
    const auto* text = member(object, name).get_ptr<const std::string*>();
    return text == nullptr ? std::nullopt : std::optional(*text);
}

Result<Descriptor> Descriptor::parse(const Json& json) {
    const auto digest_text = text_member(json, "digest");
    if (!digest_text) {
        return no_descriptor("it has no digest");
    }
    TRY_ASSIGN(Digest digest, Digest::parse(*digest_text));
    const auto* size = member(json, "size").get_ptr<const Json::number_unsigned_t*>();
    if (size == nullptr) {
        return no_descriptor(fmt::format("{} has no size", digest.text()));
    }
    return Descriptor{text_member(json, "mediaType").value_or(""), std::move(digest), *size, json};
}

Descriptor Descriptor::with_content(const Digest& new_digest, uint64_t new_size_bytes) const {
    Descriptor out{media_type, new_digest, new_size_bytes, json};
    out.json["digest"] = new_digest.text();
    out.json["size"] = new_size_bytes;
    out.json.erase("data"); // the old content itself (descriptor.md, "Embedded Content")
    return out;
}

std::optional<std::string> annotation(const Json& object, const char* key) {
    return text_member(member(object, "annotations"), key);
}

Json& annotations_of(Json& object) {
    Json& annotations = object["annotations"];
    if (!annotations.is_object()) {
        annotations = Json::object();
    }
    return annotations;
}

} // namespace lamina
