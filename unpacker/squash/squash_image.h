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
    size_t layers = 1;    // at most, that the squashed ones become
    std::string message;  // comment of the new row of the history
    // Seconds since 1970 that no time in the new layer and configuration exceeds; else they have
    // the times of the files, and of the moment.
    std::optional<int64_t> source_date_epoch;
    // False leaves out the layers that stay: the result goes where the source has them.
    bool copies_base = true;
    std::string tmp_dir = "/var/tmp"; // room for the unpacked image and the new layer
    // Called with a line for each step, and for each thing that is left out.
    std::function<void(const std::string& line)> say = [](const std::string&) {};
    std::function<void(const std::string& line)> note = [](const std::string&) {};
};

struct SquashRequest {
    std::string image;             // a path, or "path:name" of one of the images in a layout
    std::string tag;               // name of the result; empty: none
    std::string platform = "all";  // or "os/architecture[/variant]"
    std::optional<ImageForm> form; // of the result; nothing: that of the source
    std::string output_path;
    bool is_dry_run = false; // tells what would become of it, and writes nothing
    SquashOptions options;
};

struct NewLayer {
    std::optional<Digest> digest; // none in a dry run
    uint64_t blob_bytes = 0;      // as it is transferred; in a dry run an estimate
    uint64_t tar_bytes = 0;
    uint64_t entries = 0;
    uint64_t whiteouts = 0;
};

// What became of the image of one platform.
struct SquashedImage {
    std::string platform;
    Digest source;   // its manifest
    Digest manifest; // same as `source` when nothing was squashed, and in a dry run
    size_t layers_before = 0;
    size_t layers_after = 0;
    BaseLayers base{};
    uint64_t blob_bytes_before = 0; // of all layers, as they are transferred
    uint64_t blob_bytes_after = 0;
    std::vector<NewLayer> new_layers{}; // from the bottom

    [[nodiscard]] bool is_squashed() const { return !new_layers.empty(); }
};

struct SquashReport {
    std::vector<SquashedImage> images;
    // Of the result's manifest or index; none when nothing was squashed, or in a dry run.
    std::optional<Digest> digest;
    double seconds = 0;
};

// "path:name" as skopeo has it.
struct ImageInPath {
    std::string path;
    std::string name; // empty: the only one there
};

// Either may hold colons: the longest path that exists is meant. Nothing when there is none.
[[nodiscard]] std::optional<ImageInPath> find_path(const std::string& image);

// Makes a new image in which the layers above a kept base are one, or a few that can be fetched and
// unpacked at the same time. The source is only read. Every manifest of an index is squashed;
// attestations, and what else is no image, are left out. Before the result gets its name its merged
// tree, with the new layers as they were written, is compared with the source's (tree_proof.h):
// when they differ there is no result, and data_loss names the first path that does.
//
// Needs root, for it unpacks layers; not for a dry run, which reads them. Memory does not grow with
// the content of the image, and by some hundred bytes with each of its names. Blocks; canceled soon
// after `stop`.
[[nodiscard]] Result<SquashReport> squash_image(const SquashRequest& request,
                                                const std::stop_token& stop);

// The same for an image of an open source: request.image is its name there, or empty.
[[nodiscard]] Result<SquashReport>
squash_image(const SquashRequest& request, const ImageSource& source, const std::stop_token& stop);

} // namespace lamina
