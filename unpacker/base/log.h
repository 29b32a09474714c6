// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "unpacker/base/result.h"

namespace lamina::log {

enum class Level { trace, debug, info, warn, error };

// One `name=value` of a log line. Names are containerd's: key, parent, snapshotter, digest, error.
struct Field {
    std::string_view name;
    std::string value;

    Field(std::string_view n, std::string_view v) : name(n), value(v) {}
    template <class T>
        requires std::integral<T> || std::floating_point<T>
    Field(std::string_view n, T v) : name(n), value(fmt::format("{}", v)) {}
};

// Where lines go (standard error) and from which level on is process-wide: the one documented
// exception to "objects are passed down", because a log line must never need plumbing. Any thread
// may log. Each line is logfmt: time="..." level=info msg="layer unpacked" digest=sha256:...
void set_level(Level level);
[[nodiscard]] Result<Level> parse_level(std::string_view text);

void write(Level level, std::string_view message, std::span<const Field> fields);

inline void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
    write(level, message, std::span(fields.begin(), fields.size()));
}

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::debug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::info, message, fields);
}
inline void warn(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::warn, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::error, message, fields);
}

// `value` as logfmt wants it: bare, or quoted with escapes when it holds blanks, quotes, '=' or
// control characters. Exposed for its test.
[[nodiscard]] std::string quote(std::string_view value);

} // namespace lamina::log
