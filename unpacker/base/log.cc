// SPDX-License-Identifier: Apache-2.0
#include "unpacker/base/log.h"

#include <algorithm>
#include <array>
#include <utility>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace lamina::log {
namespace {

constexpr std::array<std::pair<std::string_view, Level>, 5> kLevels{{{"trace", Level::trace},
                                                                     {"debug", Level::debug},
                                                                     {"info", Level::info},
                                                                     {"warn", Level::warn},
                                                                     {"error", Level::error}}};

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
    case Level::trace:
        return spdlog::level::trace;
    case Level::debug:
        return spdlog::level::debug;
    case Level::info:
        return spdlog::level::info;
    case Level::warn:
        return spdlog::level::warn;
    case Level::error:
        return spdlog::level::err;
    }
    return spdlog::level::info;
}

std::string_view name_of(Level level) {
    return std::ranges::find(kLevels, level, &std::pair<std::string_view, Level>::second)->first;
}

spdlog::logger& logger() {
    static const auto instance = [] {
        auto made =
            std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern(R"(time="%Y-%m-%dT%H:%M:%S.%fZ" %v)", spdlog::pattern_time_type::utc);
        made->set_level(spdlog::level::info);
        made->flush_on(spdlog::level::trace);
        return made;
    }();
    return *instance;
}

bool is_plain(char c) {
    return c > ' ' && c != '"' && c != '=' && c != '\\' && static_cast<unsigned char>(c) < 0x7f;
}

} // namespace

void set_level(Level level) {
    logger().set_level(to_spdlog(level));
}

Result<Level> parse_level(std::string_view text) {
    const auto* found =
        std::ranges::find(kLevels, text, &std::pair<std::string_view, Level>::first);
    if (found == kLevels.end()) {
        return fail(
            ErrorCode::invalid_argument,
            fmt::format("log level \"{}\" is none of trace, debug, info, warn, error", text));
    }
    return found->second;
}

std::string quote(std::string_view value) {
    if (!value.empty() && std::ranges::all_of(value, is_plain)) {
        return std::string(value);
    }
    std::string out = "\"";
    for (char c : value) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (static_cast<unsigned char>(c) < ' ') {
            out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

void write(Level level, std::string_view message, std::span<const Field> fields) {
    if (!logger().should_log(to_spdlog(level))) {
        return;
    }
    std::string line = fmt::format("level={} msg={}", name_of(level), quote(message));
    for (const Field& field : fields) {
        line += fmt::format(" {}={}", field.name, quote(field.value));
    }
    logger().log(to_spdlog(level), "{}", line);
}

} // namespace lamina::log
