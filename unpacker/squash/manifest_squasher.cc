// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/manifest_squasher.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "unpacker/base/text.h"
#include "unpacker/codec/media_type.h"
#include "unpacker/image/media_types.h"
#include "unpacker/squash/tree_proof.h"

namespace lamina {
namespace {

constexpr const char* kSourceKey = "lamina.squash.source";

std::vector<const UnpackedLayer*> pointers_to(const std::vector<UnpackedLayer>& layers,
                                              size_t begin, size_t end) {
    std::vector<const UnpackedLayer*> out;
    for (size_t i = begin; i < end; ++i) {
        out.push_back(&layers[i]);
    }
    return out;
}

uint64_t blob_bytes(const std::vector<Descriptor>& layers, size_t count) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
        bytes += layers[i].size_bytes;
    }
    return bytes;
}

SquashedImage report_of(const ImageLayers& image, const BaseLayers& base) {
    SquashedImage report{.platform = image.config.platform(),
                         .source = image.manifest_descriptor.digest,
                         .manifest = image.manifest_descriptor.digest};
    report.base = base;
    report.layers_before = report.layers_after = image.layers.size();
    report.blob_bytes_before = report.blob_bytes_after =
        blob_bytes(image.layers, image.layers.size());
    return report;
}

// Only OCI's manifests have annotations.
void annotate(Json& manifest, const ImageLayers& image, const BaseLayers& base) {
    if (image.manifest_descriptor.media_type == kDockerManifestType) {
        return;
    }
    Json& annotations = manifest["annotations"];
    if (base.manifest) {
        annotations[kBaseDigestKey] = base.manifest->text();
    }
    annotations[kSourceKey] = image.manifest_descriptor.digest.text();
}

} // namespace

struct ManifestSquasher::NewLayer {
    Descriptor descriptor;
    Digest diff_id;
    uint64_t plain_bytes = 0;
    LayerTarReport tar;
};

Result<NewManifest> ManifestSquasher::squash(const ImageLayers& image, const BaseLayers& base,
                                             const std::stop_token& stop) {
    TRY_ASSIGN(LayerShelf shelf, LayerShelf::create(options_.tmp_dir));
    TRY_ASSIGN(const auto layers, unpack_all(image, shelf, stop));
    TRY_ASSIGN(const NewLayer layer, write_layer(image, base.count, layers, stop));
    TRY(prove(layer, base.count, layers, shelf, stop));
    return write_documents(image, base, layer);
}

Result<std::vector<UnpackedLayer>> ManifestSquasher::unpack_all(const ImageLayers& image,
                                                                LayerShelf& shelf,
                                                                const std::stop_token& stop) {
    std::vector<UnpackedLayer> layers;
    for (size_t i = 0; i < image.layers.size(); ++i) {
        const Descriptor& descriptor = image.layers[i];
        options_.say(fmt::format("{}: unpacking layer {} of {}", image.config.platform(), i + 1,
                                 image.layers.size()));
        TRY_ASSIGN(const auto blob, source_.open_blob(descriptor));
        TRY_ASSIGN(const Encoding encoding, encoding_of_media_type(descriptor.media_type));
        auto layer = shelf.unpack(*blob, encoding, image.config.diff_ids()[i],
                                  pointers_to(layers, 0, i), stop);
        if (!layer) {
            return fail(with_context(descriptor.digest.text(), layer.error()));
        }
        layers.push_back(*std::move(layer));
    }
    return layers;
}

Result<ManifestSquasher::NewLayer>
ManifestSquasher::write_layer(const ImageLayers& image, size_t kept,
                              const std::vector<UnpackedLayer>& layers,
                              const std::stop_token& stop) {
    options_.say(fmt::format("{}: squashing layers {} to {}", image.config.platform(), kept + 1,
                             layers.size()));
    const StackedLayers range = stacked(pointers_to(layers, kept, layers.size()));
    const MergeLayers merge{range.indexes, stacked(pointers_to(layers, 0, kept)).indexes};
    TRY_ASSIGN(const auto blob, writer_.start_blob());
    const Compression compression = options_.compression.value_or(Compression::gzip);
    const auto encoder = make_encoder(*blob, compression, options_.threads);
    HashingSink plain(*encoder);
    TRY_ASSIGN(const LayerTarReport tar,
               write_layer_tar(merge, range.roots, options_.source_date_epoch, plain, stop));
    TRY(encoder->finish());
    TRY(blob->finish());
    const std::string type = layer_type(image.manifest_descriptor.media_type, compression);
    const uint64_t plain_bytes = plain.bytes();
    const Digest diff_id = plain.digest();
    TRY_ASSIGN(Descriptor descriptor,
               writer_.add_blob(*blob, Descriptor{type, diff_id, 0, {{"mediaType", type}}}));
    return NewLayer{std::move(descriptor), diff_id, plain_bytes, tar};
}

Status ManifestSquasher::prove(const NewLayer& layer, size_t kept,
                               const std::vector<UnpackedLayer>& layers, LayerShelf& shelf,
                               const std::stop_token& stop) {
    options_.say("comparing the result with the source");
    const auto base = pointers_to(layers, 0, kept);
    TRY_ASSIGN(FileExtent blob, writer_.open_blob(layer.descriptor.digest));
    TRY_ASSIGN(const UnpackedLayer unpacked,
               shelf.unpack(blob, Encoding::sniff, layer.diff_id, base, stop));
    auto result = base;
    result.push_back(&unpacked);
    TRY_ASSIGN(const auto difference,
               first_difference(stacked(pointers_to(layers, 0, layers.size())), stacked(result),
                                kept, options_.source_date_epoch, stop));
    if (difference) {
        return fail(ErrorCode::data_loss,
                    fmt::format("the result differs from the source: {}: {}",
                                shortened(difference->path), difference->what));
    }
    return {};
}

Result<NewManifest> ManifestSquasher::write_documents(const ImageLayers& image,
                                                      const BaseLayers& base,
                                                      const NewLayer& layer) {
    const Digest& source = image.manifest_descriptor.digest;
    const int64_t created = options_.source_date_epoch.value_or(std::time(nullptr));
    const Json config = image.config.with_layers_above(
        base.count, {layer.diff_id, created, fmt::format("laminactl squash {}", source.text()),
                     options_.message});
    TRY_ASSIGN(const Descriptor config_descriptor,
               writer_.add_document(config, member(image.manifest, "config")));
    Json manifest = image.manifest;
    manifest["config"] = config_descriptor.json;
    manifest["layers"] = Json::array();
    for (size_t i = 0; i < base.count; ++i) {
        TRY(writer_.copy_blob(source_, image.layers[i]));
        manifest["layers"].push_back(image.layers[i].json);
    }
    manifest["layers"].push_back(layer.descriptor.json);
    annotate(manifest, image, base);
    TRY_ASSIGN(Descriptor descriptor,
               writer_.add_document(manifest, image.manifest_descriptor.json));
    SquashedImage report = report_of(image, base);
    report.manifest = descriptor.digest;
    report.layers_after = base.count + 1;
    report.blob_bytes_after = blob_bytes(image.layers, base.count) + layer.descriptor.size_bytes;
    report.new_layer_bytes = layer.plain_bytes;
    report.entries = layer.tar.entries;
    report.whiteouts = layer.tar.whiteouts;
    return NewManifest{std::move(descriptor), std::move(manifest), std::move(report)};
}

Result<NewManifest> ManifestSquasher::copy(const ImageLayers& image, const BaseLayers& base) {
    for (const Descriptor& layer : image.layers) {
        TRY(writer_.copy_blob(source_, layer));
    }
    TRY_ASSIGN(const Descriptor config, Descriptor::parse(member(image.manifest, "config")));
    TRY(writer_.copy_blob(source_, config));
    TRY(writer_.copy_blob(source_, image.manifest_descriptor));
    return NewManifest{image.manifest_descriptor, image.manifest, report_of(image, base)};
}

} // namespace lamina
