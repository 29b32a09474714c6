// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lamina {

// The components of a name of the archive after a lexical clean-up against "/": no empty ones, no
// ".", no "..", which are clamped at the root. "../a//b/../c/" gives {"a", "c"}; "./" gives none.
// Source: containerd cleans names so before it resolves them (pkg/archive/tar.go).
[[nodiscard]] std::vector<std::string> clean_components(std::string_view name);

// Same for the target of a symbolic link, where ".." that lead above the link's own directory are
// kept at the front for the resolver to climb.
[[nodiscard]] std::vector<std::string> clean_link_target(std::string_view target);

enum class WhiteoutKind {
    none,
    name,    // ".wh.<hidden name>"
    opaque,  // ".wh..wh..opq"
    invalid, // hides nothing that could exist: ".wh.", ".wh..", ".wh..."
};

struct WhiteoutName {
    WhiteoutKind kind = WhiteoutKind::none;
    std::string hidden_name; // of kind `name`
};

// What the last component of an entry's name means. Source: OCI image-spec layer.md, "Whiteouts";
// other names of AUFS (".wh..wh.plnk") are ordinary whiteouts, as in containerd.
[[nodiscard]] WhiteoutName parse_whiteout(std::string_view base);

} // namespace lamina
