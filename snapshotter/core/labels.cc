// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/labels.h"

#include <fmt/format.h>

namespace lamina {
namespace {

constexpr size_t kMaxLabelBytes = 4096;
constexpr std::string_view kAllLabels = "labels";
constexpr std::string_view kOneLabel = "labels.";

} // namespace

std::string label_value(const Labels& labels, std::string_view key) {
    const auto found = labels.find(std::string(key));
    return found == labels.end() ? std::string() : found->second;
}

Result<Labels> checked_labels(const Labels& labels) {
    Labels kept;
    for (const auto& [key, value] : labels) {
        if (key.size() + value.size() > kMaxLabelBytes) {
            return fail(ErrorCode::invalid_argument,
                        fmt::format("label {:.64} and its value have {} bytes, the limit is {}",
                                    key, key.size() + value.size(), kMaxLabelBytes));
        }
        if (!value.empty()) {
            kept.emplace(key, value);
        }
    }
    return kept;
}

Result<Labels> updated_labels(const Labels& current, const Labels& wanted,
                              const std::vector<std::string>& field_paths) {
    if (field_paths.empty()) {
        return wanted;
    }
    Labels updated = current;
    for (const auto& path : field_paths) {
        if (path == kAllLabels) {
            updated = wanted;
        } else if (path.starts_with(kOneLabel)) {
            const std::string key = path.substr(kOneLabel.size());
            updated[key] = label_value(wanted, key); // an empty value is dropped later
        } else {
            return fail(ErrorCode::invalid_argument,
                        fmt::format("snapshots have no field {} to update", path));
        }
    }
    return updated;
}

} // namespace lamina
