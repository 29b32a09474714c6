// SPDX-License-Identifier: Apache-2.0
#include "tests/support/image_builder.h"

#include <filesystem>
#include <span>

#include "tests/support/encoders.h"
#include "tests/support/tar_builder.h"
#include "tests/support/tree.h"
#include "unpacker/base/digest.h"

namespace lamina::test {
namespace {

constexpr const char* kLayer = "application/vnd.oci.image.layer.v1.tar";
constexpr const char* kConfig = "application/vnd.oci.image.config.v1+json";
constexpr const char* kManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndex = "application/vnd.oci.image.index.v1+json";

ImageJson config_with(ImageJson config, const ImageJson& diff_ids, const ImageJson& history) {
    config["rootfs"] = {{"type", "layers"}, {"diff_ids", diff_ids}};
    if (!history.empty()) {
        config["history"] = history;
    }
    return config;
}

} // namespace

std::string digest_text(const std::string& bytes) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(bytes)));
    return hash.finish().text();
}

ImageJson ImageBuilder::blob(const std::string& media_type, const std::string& bytes) {
    const std::string digest = digest_text(bytes);
    files["blobs/sha256/" + digest.substr(7)] = bytes;
    return {{"mediaType", media_type}, {"digest", digest}, {"size", bytes.size()}};
}

ImageJson ImageBuilder::image(const Image& image) {
    ImageJson diff_ids = ImageJson::array();
    ImageJson layers = ImageJson::array();
    for (const Tree& tree : image.layers) {
        const std::string plain = tar(tree);
        diff_ids.push_back(digest_text(plain));
        layers.push_back(image.is_compressed ? blob(std::string(kLayer) + "+gzip", gzip(plain))
                                             : blob(kLayer, plain));
    }
    ImageJson manifest = {
        {"schemaVersion", 2},
        {"mediaType", kManifest},
        {"config", blob(kConfig, config_with(image.config, diff_ids, image.history).dump())},
        {"layers", layers}};
    if (image.annotations != ImageJson::object()) {
        manifest["annotations"] = image.annotations;
    }
    return blob(kManifest, manifest.dump());
}

ImageJson ImageBuilder::index(const std::vector<ImageJson>& manifests) {
    return blob(
        kIndex,
        ImageJson{{"schemaVersion", 2}, {"mediaType", kIndex}, {"manifests", manifests}}.dump());
}

void ImageBuilder::finish(const std::vector<ImageJson>& images) {
    files["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
    files["index.json"] = ImageJson{{"schemaVersion", 2}, {"manifests", images}}.dump();
}

void ImageBuilder::write_directory(const std::string& path) const {
    std::filesystem::create_directories(path + "/blobs/sha256");
    for (const auto& [name, bytes] : files) {
        write_file(path + "/" + name, bytes);
    }
}

std::string ImageBuilder::archive() const {
    Tree entries = {dir("blobs"), dir("blobs/sha256")};
    for (const auto& [name, bytes] : files) {
        entries.push_back(file(name, bytes));
    }
    return tar(entries);
}

Tree docker_save(const std::vector<Tree>& layers, const std::string& tag) {
    Tree entries;
    ImageJson diff_ids = ImageJson::array();
    ImageJson names = ImageJson::array();
    for (const Tree& tree : layers) {
        const std::string plain = tar(tree);
        const std::string folder = digest_text("folder " + std::to_string(names.size())).substr(7);
        diff_ids.push_back(digest_text(plain));
        names.push_back(folder + "/layer.tar");
        entries.insert(entries.end(), {dir(folder + "/"), file(folder + "/VERSION", "1.0"),
                                       file(folder + "/layer.tar", plain)});
    }
    const std::string config =
        config_with({{"architecture", "amd64"}, {"os", "linux"}}, diff_ids, {}).dump();
    const std::string config_name = digest_text(config).substr(7) + ".json";
    const ImageJson image = {
        {"Config", config_name}, {"RepoTags", ImageJson::array({tag})}, {"Layers", names}};
    entries.push_back(file(config_name, config));
    entries.push_back(file("manifest.json", ImageJson::array({image}).dump()));
    return entries;
}

} // namespace lamina::test
