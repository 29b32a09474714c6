// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "snapshotter/core/types.h"
#include "unpacker/merge/write_tree.h"

namespace lamina {

// Which committed snapshots get a flat tree.
enum class SquashMode {
    off,
    automatic, // layers that were unpacked from an image
    always,    // also what containers and builds commit
};

struct SquashOptions {
    // The label containerd.io/snapshot/lamina.squash, given at commit, stands above it.
    SquashMode mode = SquashMode::off;
    // Only where mounts would have at least so many lower directories.
    unsigned min_layers = 12;
    // So many of the lowest ones stay beside the tree, as they are shared with other images.
    unsigned keep_base = 1;
    LeafSource backend = LeafSource::hard_link;
    // The first prepare() or view() upon a snapshot waits for its tree, unless it is for the next
    // layer of an image.
    bool wait = false;

    bool operator==(const SquashOptions&) const = default;
};

// What came of the flat trees that were wanted, since the start.
struct FlatTreeCounts {
    uint64_t made = 0;
    uint64_t failed = 0; // but for those that came too late or were canceled
    uint64_t bytes = 0;  // that those made take beside the layers

    bool operator==(const FlatTreeCounts&) const = default;
};

[[nodiscard]] std::string_view name_of(SquashMode mode);
[[nodiscard]] Result<SquashMode> parse_squash_mode(std::string_view text);
[[nodiscard]] std::string_view name_of(LeafSource backend);
[[nodiscard]] Result<LeafSource> parse_squash_backend(std::string_view text);

// A snapshot whose ids are mapped gets no flat tree.
[[nodiscard]] bool maps_ids(const Labels& labels);

// Whether the mode, or the label, wants one of the snapshot that was `key` and is committed with
// these labels, should it be deep enough. containerd's unpacker labels what it commits, and so do
// others that unpack images; its rootfs.ApplyLayer (`ctr images pull` of 1.7) has but the key.
[[nodiscard]] bool asks_for_flat_tree(const SquashOptions& options, std::string_view key,
                                      const Labels& labels);

// Whether so many lower directories are worth a flat tree: at least two become one.
[[nodiscard]] bool is_deep_enough(const SquashOptions& options, size_t lowers);

} // namespace lamina
