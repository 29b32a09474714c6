// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/filter.h"

#include <algorithm>
#include <optional>

#include <fmt/ranges.h>
#include <re2/re2.h>

#include "snapshotter/core/filter_parser.h"

namespace lamina {
namespace {

std::string_view name_of(Kind kind) {
    switch (kind) {
    case Kind::view:
        return "view";
    case Kind::active:
        return "active";
    case Kind::committed:
        return "committed";
    }
    return "";
}

// Path elements after the first matter for labels only, as in containerd's adapter.
std::optional<std::string_view> field_of(const Info& info, const std::vector<std::string>& path) {
    const std::string& field = path.front();
    if (field == "name") {
        return info.name;
    }
    if (field == "parent") {
        return info.parent;
    }
    if (field == "kind") {
        return name_of(info.kind);
    }
    if (field == "labels") {
        const auto key = fmt::format("{}", fmt::join(path.begin() + 1, path.end(), "."));
        const auto label = info.labels.find(key);
        if (label != info.labels.end()) {
            return label->second;
        }
    }
    return std::nullopt;
}

bool selects(const Filter::Selector& selector, const Info& info) {
    const auto value = field_of(info, selector.path);
    switch (selector.op) {
    case Filter::Operator::present:
        return value.has_value();
    case Filter::Operator::equal:
        return value == std::string_view(selector.value);
    case Filter::Operator::not_equal: // an absent field counts as empty
        return value.value_or("") != selector.value;
    case Filter::Operator::matches: // and a bad expression matches nothing
        return selector.pattern->ok() &&
               re2::RE2::PartialMatch(value.value_or(""), *selector.pattern);
    }
    return false;
}

} // namespace

Result<Filter> Filter::parse(const std::vector<std::string>& filters) {
    Filter parsed;
    for (const auto& text : filters) {
        TRY_ASSIGN(auto selectors, parse_selectors(text));
        parsed.alternatives_.push_back(std::move(selectors));
    }
    return parsed;
}

bool Filter::matches(const Info& info) const {
    const auto all_select = [&](const Conjunction& selectors) {
        return std::ranges::all_of(
            selectors, [&](const Selector& selector) { return selects(selector, info); });
    };
    return alternatives_.empty() || std::ranges::any_of(alternatives_, all_select);
}

} // namespace lamina
