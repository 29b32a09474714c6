// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace lamina {

// How long a container waits for the flat tree of what it is upon. Then it starts upon the layers
// as they are rather than not at all; kubelet gives a request two minutes. systemd/config.toml says
// it, too.
inline constexpr std::chrono::seconds kFlatTreeWait{30};

// How long a chain rests without a child before its flat tree is begun, unless somebody waits for
// it. The next layer of an image is prepared, or committed onto it, within milliseconds, on a busy
// disk within a second, and makes the tree useless.
inline constexpr std::chrono::milliseconds kFlatTreeRest{2000};

// What must stay free for everybody else, beside what a flat tree is expected to take.
inline constexpr uint64_t kFlatTreeFreeBytes = 256ULL * 1024 * 1024;
inline constexpr uint64_t kFlatTreeFreeInodes = 10'000;

// Bytes that a directory is expected to take: a block, which holds about a hundred names.
inline constexpr uint64_t kDirectoryBytes = 4096;

} // namespace lamina
