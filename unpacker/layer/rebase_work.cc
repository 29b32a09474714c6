// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/rebase_work.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lamina {
namespace {

constexpr std::string_view kFirst = "lamina-rebase-1";
constexpr std::string_view kOpaque = "opaque";
constexpr std::string_view kLast = "end"; // tells a whole text from its beginning

tl::unexpected<Error> damaged() {
    return fail(ErrorCode::data_loss, "record of implied directories is damaged");
}

// Up to the next `end`, which goes too.
std::optional<std::string_view> take(std::string_view& text, char end) {
    const size_t length = text.find(end);
    if (length == std::string_view::npos) {
        return std::nullopt;
    }
    const auto taken = text.substr(0, length);
    text.remove_prefix(length + 1);
    return taken;
}

std::optional<size_t> parse_number(std::string_view text) {
    size_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    return error == std::errc() && stopped == end ? std::optional(number) : std::nullopt;
}

// Nothing for what cannot be a path inside of the layer.
RebaseWork::Path split(std::string_view text) {
    RebaseWork::Path components;
    while (true) {
        const std::string_view name = text.substr(0, text.find('/'));
        if (name.empty() || name == "." || name == "..") {
            return {};
        }
        components.emplace_back(name);
        if (name.size() == text.size()) {
            return components;
        }
        text.remove_prefix(name.size() + 1);
    }
}

} // namespace

RebaseWork::Path RebaseWork::following(Path before, const Step& step) {
    before.resize(step.shared);
    before.insert(before.end(), step.rest.begin(), step.rest.end());
    return before;
}

void RebaseWork::add_implied(const Path& directory) {
    const auto parted = std::ranges::mismatch(last_, directory);
    steps_.push_back(
        {static_cast<size_t>(parted.in1 - last_.begin()), Path(parted.in2, directory.end())});
    last_ = directory;
}

Status RebaseWork::for_each_implied(const std::function<Status(const Path&)>& visit) const {
    Path path;
    for (const Step& step : steps_) {
        path = following(std::move(path), step);
        TRY(visit(path));
    }
    return {};
}

std::string RebaseWork::text() const {
    std::string text = fmt::format("{}{}", kFirst, '\0');
    if (root_is_opaque) {
        text += fmt::format("{}{}", kOpaque, '\0');
    }
    for (const Step& step : steps_) {
        text += fmt::format("{}/{}{}", step.shared, fmt::join(step.rest, "/"), '\0');
    }
    return text + fmt::format("{}{}", kLast, '\0');
}

Result<RebaseWork> RebaseWork::parse(std::string_view text) {
    RebaseWork work;
    if (take(text, '\0') != kFirst) {
        return damaged();
    }
    for (auto line = take(text, '\0'); line != kLast; line = take(text, '\0')) {
        if (line == kOpaque) {
            work.root_is_opaque = true;
            continue;
        }
        const auto number = line ? take(*line, '/') : std::nullopt;
        const auto shared = number ? parse_number(*number) : std::nullopt;
        const Path rest = shared ? split(*line) : Path();
        if (rest.empty() || *shared > work.last_.size()) {
            return damaged();
        }
        work.steps_.push_back({*shared, rest});
        work.last_ = following(std::move(work.last_), work.steps_.back());
    }
    return text.empty() ? Result<RebaseWork>(std::move(work)) : damaged();
}

} // namespace lamina
