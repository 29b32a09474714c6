// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/image_config.h"

#include <algorithm>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace lamina {
namespace {

tl::unexpected<Error> broken(std::string_view reason) {
    return fail(ErrorCode::invalid_argument, fmt::format("configuration: {}", reason));
}

bool has_layer(const Json& row) {
    const auto* empty = member(row, "empty_layer").get_ptr<const bool*>();
    return empty == nullptr || !*empty;
}

// RFC 3339, as config.md asks for.
std::string to_timestamp(int64_t seconds) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

std::string_view without_usual_variant(std::string_view platform) {
    for (const std::string_view usual : {"/arm64/v8", "/arm/v7", "/amd64/v1"}) {
        if (platform.ends_with(usual)) {
            return platform.substr(0, platform.rfind('/'));
        }
    }
    return platform;
}

} // namespace

bool is_platform(std::string_view platform, std::string_view wanted) {
    return without_usual_variant(platform) == without_usual_variant(wanted);
}

Result<ImageConfig> ImageConfig::parse(Json json) {
    ImageConfig config;
    const Json& diff_ids = member(member(json, "rootfs"), "diff_ids");
    if (!diff_ids.is_array()) {
        return broken("it has no rootfs.diff_ids");
    }
    for (const Json& diff_id : diff_ids) {
        const auto* text = diff_id.get_ptr<const std::string*>();
        if (text == nullptr) {
            return broken("a diff ID is no string");
        }
        TRY_ASSIGN(Digest digest, Digest::parse(*text));
        config.diff_ids_.push_back(std::move(digest));
    }
    const Json& history = member(json, "history");
    for (const Json& row : history.is_array() ? history : Json::array()) {
        if (!row.is_object()) {
            return broken("a row of the history is no object");
        }
        config.history_.push_back({text_member(row, "created_by").value_or(""), has_layer(row)});
    }
    config.json_ = std::move(json);
    return config;
}

bool ImageConfig::history_is_complete() const {
    const auto rows = std::ranges::count_if(history_, &Row::has_layer);
    return static_cast<size_t>(rows) == diff_ids_.size();
}

std::string ImageConfig::platform() const {
    std::string out;
    for (const char* part : {"os", "architecture", "variant"}) {
        if (const auto text = text_member(json_, part); text && !text->empty()) {
            out += (out.empty() ? "" : "/") + *text;
        }
    }
    return out;
}

// Where rows and layers do not fit together nobody knows whose layer a row is of: then all rows
// stay without one, and the kept layers get rows of their own.
Json ImageConfig::history_above(size_t kept) const {
    Json history = history_.empty() ? Json::array() : member(json_, "history");
    const bool is_complete = history_is_complete();
    size_t layers = 0;
    for (size_t i = 0; i < history_.size(); ++i) {
        if (history_[i].has_layer && (!is_complete || ++layers > kept)) {
            history[i]["empty_layer"] = true;
        }
    }
    for (size_t i = 0; !is_complete && i < kept; ++i) {
        history.push_back({{"comment", fmt::format("layer {}", diff_ids_[i].text())}});
    }
    return history;
}

Json ImageConfig::with_layers_above(size_t kept, const NewLayers& layers) const {
    Json out = json_;
    const std::string created = to_timestamp(layers.created);
    out["created"] = created;
    Json diff_ids = Json::array();
    for (size_t i = 0; i < kept; ++i) {
        diff_ids.push_back(diff_ids_[i].text());
    }
    out["history"] = history_above(kept);
    const size_t count = layers.diff_ids.size();
    for (size_t i = 0; i < count; ++i) {
        diff_ids.push_back(layers.diff_ids[i].text());
        const std::string which = count == 1 ? "" : fmt::format(" ({} of {})", i + 1, count);
        Json row = {{"created", created}, {"created_by", layers.created_by + which}};
        if (!layers.comment.empty()) {
            row["comment"] = layers.comment;
        }
        out["history"].push_back(std::move(row));
    }
    out["rootfs"]["diff_ids"] = std::move(diff_ids);
    return out;
}

} // namespace lamina
