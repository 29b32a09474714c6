// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace lamina {

// The annotations by which index.json names an image: the tag alone (OCI image-spec
// annotations.md), and the whole name as containerd's import takes it.
inline constexpr const char* kRefNameKey = "org.opencontainers.image.ref.name";
inline constexpr const char* kImageNameKey = "io.containerd.image.name";

// "2" of "shop/app:2"; "latest" where there is none. A colon before a slash is a port's.
[[nodiscard]] inline std::string tag_of(std::string_view name) {
    const size_t colon = name.rfind(':');
    const bool has_tag =
        colon != std::string_view::npos && name.find('/', colon) == std::string_view::npos;
    return has_tag ? std::string(name.substr(colon + 1)) : "latest";
}

// With ":latest" where there is no tag.
[[nodiscard]] inline std::string with_tag(std::string_view name) {
    const size_t colon = name.rfind(':');
    const bool has_tag =
        colon != std::string_view::npos && name.find('/', colon) == std::string_view::npos;
    return std::string(name) + (has_tag ? "" : ":latest");
}

} // namespace lamina
