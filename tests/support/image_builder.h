// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/support/entry.h"

namespace lamina::test {

using ImageJson = nlohmann::ordered_json;

// "sha256:<hex>" of some bytes.
[[nodiscard]] std::string digest_text(const std::string& bytes);

// The files of an OCI layout, put together in memory.
class ImageBuilder {
  public:
    // Puts bytes under their digest and returns the descriptor.
    ImageJson blob(const std::string& media_type, const std::string& bytes);

    struct Image {
        std::vector<Tree> layers; // from the bottom
        ImageJson history = ImageJson::array();
        ImageJson config = {{"architecture", "amd64"}, {"os", "linux"}}; // and more members
        ImageJson annotations = ImageJson::object();
        bool is_compressed = true;
    };
    // Layers, configuration and manifest; the descriptor of the latter.
    ImageJson image(const Image& image);
    // An index of some manifests; its descriptor.
    ImageJson index(const std::vector<ImageJson>& manifests);

    // index.json with these descriptors. Comes last.
    void finish(const std::vector<ImageJson>& images);

    // By name: free to be broken by a test.
    std::map<std::string, std::string> files;

    void write_directory(const std::string& path) const;
    [[nodiscard]] std::string archive() const;
};

// What `docker save` wrote before Docker 25: <hex>/layer.tar, <hex>.json and manifest.json.
[[nodiscard]] Tree docker_save(const std::vector<Tree>& layers, const std::string& tag);

} // namespace lamina::test
