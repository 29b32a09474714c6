// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "unpacker/codec/encoder.h"
#include "unpacker/image/image_source.h"
#include "unpacker/squash/base_layers.h"

namespace lamina {

struct SquashOptions {
    FromLayer from;
    // Nothing: gzip, but none in an archive of Docker, as `docker save` has it.
    std::optional<Compression> compression;
    unsigned threads = 1; // that compress
    std::string message;  // comment of the new row of the history
    // Seconds since 1970 that no time in the new layer and configuration exceeds; else they have
    // the times of the files, and of the moment.
    std::optional<int64_t> source_date_epoch;
    std::string tmp_dir = "/var/tmp"; // room for the unpacked image and the new layer
    // Called with a line for each step and for each thing that is left out.
    std::function<void(const std::string& line)> say = [](const std::string&) {};
};

struct SquashRequest {
    std::string image;             // a path, or "path:name" of one of the images in a layout
    std::string tag;               // name of the result; empty: none
    std::string platform = "all";  // or "os/architecture[/variant]"
    std::optional<ImageForm> form; // of the result; nothing: that of the source
    std::string output_path;
    bool is_dry_run = false; // does everything but put the result there
    SquashOptions options;
};

// What became of the image of one platform.
struct SquashedImage {
    std::string platform;
    Digest source;   // its manifest
    Digest manifest; // same as `source` when nothing was squashed
    size_t layers_before = 0;
    size_t layers_after = 0;
    BaseLayers base{};
    uint64_t blob_bytes_before = 0; // of all layers, as they are transferred
    uint64_t blob_bytes_after = 0;
    uint64_t new_layer_bytes = 0; // plain tar
    uint64_t entries = 0;         // of the new layer
    uint64_t whiteouts = 0;

    [[nodiscard]] bool is_squashed() const { return manifest != source; }
};

struct SquashReport {
    std::vector<SquashedImage> images;
    std::optional<Digest> digest; // of the result's manifest or index; nothing was squashed: none
    double seconds = 0;
};

// Makes a new image in which the layers above a kept base are one. The source is only read. Every
// manifest of an index is squashed; attestations, and what else is no image, are left out. Before
// the result gets its name its merged tree, with the new layer unpacked from the blob that was
// written, is compared with the source's: when they differ there is no result, and data_loss names
// the first path that does.
//
// Needs root, for it unpacks layers. Memory does not grow with the image. Blocks; canceled soon
// after `stop`.
[[nodiscard]] Result<SquashReport> squash_image(const SquashRequest& request,
                                                const std::stop_token& stop);

} // namespace lamina
