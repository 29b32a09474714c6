// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "unpacker/base/digest.h"
#include "unpacker/base/result.h"

namespace lamina {

// JSON of an image: members keep their order, and members that nobody here knows stay.
using Json = nlohmann::ordered_json;

// invalid_argument, naming `what`, for anything but an object of limits::kJsonDepthMax and
// kJsonMembersMax.
[[nodiscard]] Result<Json> parse_json_object(std::string_view text, std::string_view what);
[[nodiscard]] Result<Json> parse_json_array(std::string_view text, std::string_view what);

// The member `name`; null when there is none or `object` is no object.
[[nodiscard]] const Json& member(const Json& object, const char* name);

// The member as text, if it is text.
[[nodiscard]] std::optional<std::string> text_member(const Json& object, const char* name);

// Points to a blob: OCI image-spec descriptor.md.
struct Descriptor {
    std::string media_type; // empty where old documents have none
    Digest digest;
    uint64_t size_bytes = 0;
    Json json; // as it was read, with everything else

    static Result<Descriptor> parse(const Json& json);
    // The same with other content: all other members stay.
    [[nodiscard]] Descriptor with_content(const Digest& new_digest, uint64_t new_size_bytes) const;
};

// The annotation of a descriptor, manifest or index, if it has it.
[[nodiscard]] std::optional<std::string> annotation(const Json& object, const char* key);

// Its annotations, to be added to. What is there in their place and no object goes.
[[nodiscard]] Json& annotations_of(Json& object);

} // namespace lamina
