// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/entry_path.h"

#include <algorithm>

namespace lamina {
namespace {

constexpr std::string_view kWhiteoutPrefix = ".wh.";
constexpr std::string_view kOpaqueName = ".wh..wh..opq";

enum class LeadingDotDot { drop, keep };

std::vector<std::string> clean(std::string_view name, LeadingDotDot leading) {
    std::vector<std::string> components;
    while (!name.empty()) {
        const size_t end = std::min(name.find('/'), name.size());
        const std::string_view component = name.substr(0, end);
        name.remove_prefix(std::min(end + 1, name.size()));
        if (component.empty() || component == ".") {
            continue;
        }
        if (component != "..") {
            components.emplace_back(component);
        } else if (!components.empty() && components.back() != "..") {
            components.pop_back();
        } else if (leading == LeadingDotDot::keep) {
            components.emplace_back(component);
        }
    }
    return components;
}

} // namespace

std::vector<std::string> clean_components(std::string_view name) {
    return clean(name, LeadingDotDot::drop);
}

std::vector<std::string> clean_link_target(std::string_view target) {
    return clean(target, target.starts_with('/') ? LeadingDotDot::drop : LeadingDotDot::keep);
}

WhiteoutName parse_whiteout(std::string_view base) {
    if (!base.starts_with(kWhiteoutPrefix)) {
        return {};
    }
    if (base == kOpaqueName) {
        return {WhiteoutKind::opaque, {}};
    }
    const std::string_view hidden = base.substr(kWhiteoutPrefix.size());
    if (hidden.empty() || hidden == "." || hidden == "..") {
        return {WhiteoutKind::invalid, {}};
    }
    return {WhiteoutKind::name, std::string(hidden)};
}

} // namespace lamina
