// SPDX-License-Identifier: Apache-2.0
#include "unpacker/cli/squash_command.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
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
    int64_t seconds = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (error != std::errc{} || end != digits.data() + digits.size() || seconds < 0) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("SOURCE_DATE_EPOCH=\"{}\" is no number of seconds", digits));
    }
    return seconds;
}

Result<std::optional<ImageForm>> parse_form(const std::string& text) {
    constexpr std::array<std::string_view, 3> kForms{"oci-dir", "oci-tar", "docker-tar"};
    if (text.empty()) {
        return std::nullopt;
    }
    if (text == "store") {
        return fail(ErrorCode::unimplemented,
                    "--output store: squash does not write to containerd yet; write an oci-tar and "
                    "load it by \"ctr images import\"");
    }
    const auto* found = std::ranges::find(kForms, text);
    if (found == kForms.end()) {
        return fail(
            ErrorCode::invalid_argument,
            fmt::format("--output \"{}\" is none of oci-dir, oci-tar and docker-tar", text));
    }
    return static_cast<ImageForm>(found - kForms.begin());
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
    request.options.threads = available_processors();
    request.options.message = command.message;
    request.options.tmp_dir = command.tmp_dir;
    request.options.say = [](const std::string& line) {
        (void)std::fprintf(stderr, "%s\n", line.c_str());
    };
    if (request.output_path.empty() && !request.is_dry_run) {
        return fail(ErrorCode::invalid_argument, "--output-path is missing: where to write to");
    }
    return request;
}

std::string megabytes(uint64_t bytes) {
    return fmt::format("{:.1f} MB", static_cast<double>(bytes) / kMegabyte);
}

std::string to_text(const SquashedImage& image) {
    const size_t squashed = image.layers_before - image.base.count;
    if (!image.is_squashed()) {
        return fmt::format("{}\n  nothing to squash: {} of {} layers above the base ({})\n",
                           image.platform, squashed, image.layers_before, image.base.found_by);
    }
    return fmt::format("{}\n"
                       "  base        {} layers stay ({})\n"
                       "  squashed    {} layers into 1: {} entries, {} whiteouts, {} of tar\n"
                       "  transfer    {} -> {}\n"
                       "  manifest    {}\n",
                       image.platform, image.base.count, image.base.found_by, squashed,
                       image.entries, image.whiteouts, megabytes(image.new_layer_bytes),
                       megabytes(image.blob_bytes_before), megabytes(image.blob_bytes_after),
                       image.manifest.text());
}

std::string to_text(const SquashReport& report) {
    std::string text;
    for (const SquashedImage& image : report.images) {
        text += to_text(image);
    }
    return text + fmt::format("time          {:.1f} s\n", report.seconds);
}

Json to_json(const SquashedImage& image) {
    return {
        {"platform", image.platform},
        {"source", image.source.text()},
        {"manifest", image.manifest.text()},
        {"squashed", image.is_squashed()},
        {"base_layers", image.base.count},
        {"base_found_by", image.base.found_by},
        {"layers", {{"before", image.layers_before}, {"after", image.layers_after}}},
        {"blob_bytes", {{"before", image.blob_bytes_before}, {"after", image.blob_bytes_after}}},
        {"new_layer_bytes", image.new_layer_bytes},
        {"entries", image.entries},
        {"whiteouts", image.whiteouts}};
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

} // namespace

Result<SquashOutcome> run_squash(const SquashCommand& command, const std::stop_token& stop) {
    TRY_ASSIGN(const SquashRequest request, request_of(command));
    TRY_ASSIGN(const SquashReport report, squash_image(request, stop));
    return SquashOutcome{command.output == SquashCommand::Output::json ? to_json(report)
                                                                       : to_text(report),
                         report.digest.has_value()};
}

} // namespace lamina
