// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "unpacker/layer/leaf_engine.h"

namespace lamina {

// What the operator asks for.
enum class EngineWish { automatic, threads, io_uring };

[[nodiscard]] Result<EngineWish> parse_engine_wish(std::string_view text);
[[nodiscard]] std::string_view name_of(EngineWish wish);

// The engine to use, and why.
struct EngineChoice {
    EngineKind kind = EngineKind::threads;
    // Measured when the wish was `automatic`: microseconds to make one small file.
    std::optional<double> threads_microseconds;
    std::optional<double> io_uring_microseconds;
    std::string unavailable; // why io_uring is not used or could not be tried; mostly empty
};

// Follows the wish as far as the kernel lets it; a wish for io_uring that cannot be had becomes
// threads. `automatic` makes a few real files with both engines in `directory`, for some
// milliseconds, and removes them: nothing else tells which one is faster on this kernel, filesystem
// and device. Where that cannot be tried (a full disk, say), threads are used.
[[nodiscard]] EngineChoice choose_engine(EngineWish wish, const std::string& directory);

// One line of the log: the engine, both figures, and why io_uring is not used.
void log_engine_choice(const EngineChoice& choice);

} // namespace lamina
