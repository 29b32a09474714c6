// SPDX-License-Identifier: Apache-2.0
#include "unpacker/cli/squash_command.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include <fmt/format.h>

#include "unpacker/base/processors.h"
#include "unpacker/squash/squash_image.h"

namespace lamina {
namespace {

constexpr double kMegabyte = 1e6;

Result<std::optional<int64_t>> source_date_epoch() {
    const char* text = std::getenv("SOURCE_DATE_EPOCH");
    if (text == nullptr) {
        return std::nullopt;
    }
    const std::string_view digits(text);
    constexpr int64_t kSecondsMax = 253'402'300'799; // the end of 9999: RFC 3339 has four digits
    int64_t seconds = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (error != std::errc{} || end != digits.data() + digits.size() || seconds < 0 ||
        seconds > kSecondsMax) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("SOURCE_DATE_EPOCH=\"{}\" is no number of seconds up to {}", digits,
                                kSecondsMax));
    }
    return seconds;
}

Result<std::optional<ImageForm>> parse_form(const std::string& text) {
    constexpr std::array<std::string_view, 3> kForms{"oci-dir", "oci-tar", "docker-tar"};
    if (text.empty()) {
        return std::nullopt;
    }
    const auto* found = std::ranges::find(kForms, text);
    if (found == kForms.end()) {
        return fail(
            ErrorCode::invalid_argument,
            fmt::format("--output \"{}\" is none of oci-dir, oci-tar, docker-tar and store", text));
    }
    return static_cast<ImageForm>(found - kForms.begin());
}

// JSON, which tag and message become a part of, is of nothing else.
bool is_utf8(const std::string& text) {
    const auto without = [&](Json::error_handler_t other_bytes) {
        return Json(text).dump(-1, ' ', false, other_bytes);
    };
    return without(Json::error_handler_t::ignore) == without(Json::error_handler_t::replace);
}

Result<SquashRequest> request_of(const SquashCommand& command) {
    SquashRequest request;
    request.image = command.image;
    request.tag = command.tag;
    request.platform = command.platform;
    request.output_path = command.output_path;
    request.is_dry_run = command.is_dry_run;
    TRY_ASSIGN(request.form, parse_form(command.form));
    TRY_ASSIGN(request.options.from, FromLayer::parse(command.from_layer));
    if (!command.compression.empty()) {
        TRY_ASSIGN(request.options.compression, parse_compression(command.compression));
    }
    TRY_ASSIGN(request.options.source_date_epoch, source_date_epoch());
    request.options.layers = command.layers;
    request.options.threads = available_processors();
    request.options.message = command.message;
    request.options.tmp_dir = command.tmp_dir;
    request.options.copies_base = command.copies_base;
    request.options.say = command.say;
    request.options.note = command.note;
    if (!is_utf8(command.tag) || !is_utf8(command.message)) {
        return fail(ErrorCode::invalid_argument, "--tag and --message have to be UTF-8");
    }
    if (request.output_path.empty() && !request.is_dry_run) {
        return fail(ErrorCode::invalid_argument, "--output-path is missing: where to write to");
    }
    return request;
}

std::string megabytes(uint64_t bytes) {
    return fmt::format("{:.1f} MB", static_cast<double>(bytes) / kMegabyte);
}

NewLayer sum_of(const std::vector<NewLayer>& layers) {
    NewLayer sum;
    for (const NewLayer& layer : layers) {
        sum.blob_bytes += layer.blob_bytes;
        sum.tar_bytes += layer.tar_bytes;
        sum.entries += layer.entries;
        sum.whiteouts += layer.whiteouts;
    }
    return sum;
}

std::string to_text(const SquashedImage& image) {
    const size_t squashed = image.layers_before - image.base.count;
    if (!image.is_squashed()) {
        return fmt::format("{}\n  nothing to squash: {} of {} layers above the base ({})\n",
                           image.platform, squashed, image.layers_before, image.base.found_by);
    }
    const NewLayer sum = sum_of(image.new_layers);
    std::string text =
        fmt::format("{}\n"
                    "  base        {} layers stay ({})\n"
                    "  squashed    {} layers into {}: {} entries, {} whiteouts, {} of tar\n",
                    image.platform, image.base.count, image.base.found_by, squashed,
                    image.new_layers.size(), sum.entries, sum.whiteouts, megabytes(sum.tar_bytes));
    for (const NewLayer& layer : image.new_layers) {
        if (image.new_layers.size() > 1) {
            text +=
                fmt::format("              {} entries, {} of tar, {} to transfer\n", layer.entries,
                            megabytes(layer.tar_bytes), megabytes(layer.blob_bytes));
        }
    }
    const bool is_estimate = !image.new_layers.front().digest;
    text += fmt::format("  transfer    {} -> {}{}\n", megabytes(image.blob_bytes_before),
                        is_estimate ? "about " : "", megabytes(image.blob_bytes_after));
    return is_estimate ? text : text + fmt::format("  manifest    {}\n", image.manifest.text());
}

std::string to_text(const SquashReport& report) {
    std::string text;
    for (const SquashedImage& image : report.images) {
        text += to_text(image);
    }
    return text + fmt::format("time          {:.1f} s\n", report.seconds);
}

Json to_json(const NewLayer& layer) {
    return {{"digest", layer.digest ? Json(layer.digest->text()) : Json(nullptr)},
            {"blob_bytes", layer.blob_bytes},
            {"tar_bytes", layer.tar_bytes},
            {"entries", layer.entries},
            {"whiteouts", layer.whiteouts}};
}

Json to_json(const SquashedImage& image) {
    Json layers = Json::array();
    for (const NewLayer& layer : image.new_layers) {
        layers.push_back(to_json(layer));
    }
    const NewLayer sum = sum_of(image.new_layers);
    return {
        {"platform", image.platform},
        {"source", image.source.text()},
        {"manifest", image.manifest.text()},
        {"squashed", image.is_squashed()},
        {"base_layers", image.base.count},
        {"base_found_by", image.base.found_by},
        {"layers", {{"before", image.layers_before}, {"after", image.layers_after}}},
        {"blob_bytes", {{"before", image.blob_bytes_before}, {"after", image.blob_bytes_after}}},
        {"new_layers", layers},
        {"new_layer_bytes", sum.tar_bytes},
        {"entries", sum.entries},
        {"whiteouts", sum.whiteouts}};
}

std::string to_json(const SquashReport& report) {
    Json images = Json::array();
    for (const SquashedImage& image : report.images) {
        images.push_back(to_json(image));
    }
    Json json;
    json["digest"] = report.digest ? Json(report.digest->text()) : Json(nullptr);
    json["seconds"] = report.seconds;
    json["images"] = std::move(images);
    return json.dump() + "\n";
}

SquashOutcome outcome_of(const SquashReport& report, SquashCommand::Output output) {
    return {output == SquashCommand::Output::json ? to_json(report) : to_text(report),
            std::ranges::any_of(report.images, &SquashedImage::is_squashed)};
}

} // namespace

Result<SquashOutcome> run_squash(const SquashCommand& command, const std::stop_token& stop) {
    TRY_ASSIGN(const SquashRequest request, request_of(command));
    TRY_ASSIGN(const SquashReport report, squash_image(request, stop));
    return outcome_of(report, command.output);
}

Result<SquashOutcome> run_squash(const SquashCommand& command, const ImageSource& source,
                                 const std::stop_token& stop) {
    TRY_ASSIGN(const SquashRequest request, request_of(command));
    TRY_ASSIGN(const SquashReport report, squash_image(request, source, stop));
    return outcome_of(report, command.output);
}

} // namespace lamina
