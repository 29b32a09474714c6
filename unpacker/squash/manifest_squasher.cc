// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/manifest_squasher.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "unpacker/base/hashing_sink.h"
#include "unpacker/base/text.h"
#include "unpacker/image/media_types.h"
#include "unpacker/squash/layer_tar.h"
#include "unpacker/squash/source_layers.h"
#include "unpacker/squash/tree_contents.h"
#include "unpacker/squash/tree_proof.h"

namespace lamina {
namespace {

constexpr const char* kSourceKey = "lamina.squash.source";

// Only OCI's manifests have annotations.
void annotate(Json& manifest, const ImageLayers& image, const BaseLayers& base) {
    if (image.manifest_descriptor.media_type == kDockerManifestType) {
        return;
    }
    Json& annotations = annotations_of(manifest);
    if (base.manifest) {
        annotations[kBaseDigestKey] = base.manifest->text();
    }
    if (!base.name.empty()) {
        annotations[kBaseNameKey] = base.name;
    }
    annotations[kSourceKey] = image.manifest_descriptor.digest.text();
}

// Until the content is known.
Digest no_digest() {
    return Sha256().finish();
}

} // namespace

struct ManifestSquasher::WrittenLayer {
    Descriptor descriptor;
    Digest diff_id;
    NewLayer report;
};

uint64_t blob_bytes(const std::vector<Descriptor>& layers, size_t count) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
        bytes += layers[i].size_bytes;
    }
    return bytes;
}

SquashedImage report_unchanged(const ImageLayers& image, const BaseLayers& base) {
    SquashedImage report{.platform = image.config.platform(),
                         .source = image.manifest_descriptor.digest,
                         .manifest = image.manifest_descriptor.digest};
    report.base = base;
    report.layers_before = report.layers_after = image.layers.size();
    report.blob_bytes_before = report.blob_bytes_after =
        blob_bytes(image.layers, image.layers.size());
    return report;
}

Result<NewManifest> ManifestSquasher::squash(const ImageLayers& image, const BaseLayers& base,
                                             const std::stop_token& stop) {
    TRY_ASSIGN(LayerShelf made, LayerShelf::create(options_.tmp_dir));
    auto shelf = std::make_unique<LayerShelf>(std::move(made));
    TRY_ASSIGN(const SourceLayers layers,
               SourceLayers::unpack(source_, image, *shelf, options_.say, stop));
    TRY_ASSIGN(const auto written, write_layers(image, base.count, layers, stop));
    TRY(prove(written, base.count, layers, stop));
    removals_.emplace_back([shelf = std::move(shelf)]() mutable { shelf.reset(); });
    return write_documents(image, base, written, stop);
}

Result<std::vector<ManifestSquasher::WrittenLayer>>
ManifestSquasher::write_layers(const ImageLayers& image, size_t kept, const SourceLayers& layers,
                               const std::stop_token& stop) {
    TRY_ASSIGN(const LayerSplit split,
               LayerSplit::plan(layers.merge_above(kept), options_.layers, stop));
    const std::string type = layer_type(image.manifest_descriptor.media_type,
                                        options_.compression.value_or(Compression::gzip));
    std::vector<WrittenLayer> written;
    for (size_t part = 0; part < split.parts(); ++part) {
        options_.say(fmt::format("{}: squashing layers {} to {} into {} of {}",
                                 image.config.platform(), kept + 1, image.layers.size(), part + 1,
                                 split.parts()));
        TRY_ASSIGN(auto layer, write_layer(type, kept, layers, split, part, stop));
        written.push_back(std::move(layer));
    }
    return written;
}

Result<ManifestSquasher::WrittenLayer>
ManifestSquasher::write_layer(const std::string& type, size_t kept, const SourceLayers& layers,
                              const LayerSplit& split, size_t part, const std::stop_token& stop) {
    TRY_ASSIGN(const auto blob, writer_.start_blob());
    const Compression compression = options_.compression.value_or(Compression::gzip);
    const auto encoder = make_encoder(*blob, compression, options_.threads);
    HashingSink plain(*encoder);
    // What is not compressed is hashed once.
    const bool is_plain = compression == Compression::none;
    ByteSink& tar = is_plain ? static_cast<ByteSink&>(*blob) : plain;
    TRY_ASSIGN(LayerTrees trees, LayerTrees::open(layers.above(kept).roots));
    TreeContents contents(std::move(trees));
    TRY_ASSIGN(const LayerTarReport report,
               write_layer_tar(layers.merge_above(kept), contents,
                               {split, part, options_.source_date_epoch}, tar, stop));
    TRY(encoder->finish());
    TRY(blob->finish());
    TRY_ASSIGN(Descriptor descriptor,
               writer_.add_blob(*blob, Descriptor{type, no_digest(), 0, {{"mediaType", type}}}));
    const Digest digest = descriptor.digest;
    const uint64_t size = descriptor.size_bytes;
    return WrittenLayer{
        std::move(descriptor), is_plain ? digest : plain.digest(),
        NewLayer{digest, size, is_plain ? size : plain.bytes(), report.entries, report.whiteouts}};
}

Status ManifestSquasher::prove(const std::vector<WrittenLayer>& written, size_t kept,
                               const SourceLayers& layers, const std::stop_token& stop) {
    options_.say("comparing the result with the source");
    TreeProof proof(layers.all(), kept, options_.source_date_epoch);
    for (const WrittenLayer& layer : written) {
        TRY_ASSIGN(FileExtent blob, writer_.open_blob(layer.descriptor.digest));
        TRY(proof.add_layer(blob, Encoding::sniff, layer.diff_id, stop));
    }
    TRY_ASSIGN(const auto difference, proof.first_difference(stop));
    if (difference) {
        return fail(ErrorCode::data_loss,
                    fmt::format("the result differs from the source: {}: {}",
                                shortened(difference->path), difference->what));
    }
    return {};
}

Result<NewManifest> ManifestSquasher::write_documents(const ImageLayers& image,
                                                      const BaseLayers& base,
                                                      const std::vector<WrittenLayer>& written,
                                                      const std::stop_token& stop) {
    const Digest& source = image.manifest_descriptor.digest;
    ImageConfig::NewLayers rows{{},
                                options_.source_date_epoch.value_or(std::time(nullptr)),
                                fmt::format("laminactl squash {}", source.text()),
                                options_.message};
    SquashedImage report = report_unchanged(image, base);
    report.layers_after = base.count + written.size();
    report.blob_bytes_after = blob_bytes(image.layers, base.count);
    Json manifest = image.manifest;
    manifest["layers"] = Json::array();
    TRY(copy_layers(image, base.count, stop));
    for (size_t i = 0; i < base.count; ++i) {
        manifest["layers"].push_back(image.layers[i].json);
    }
    for (const WrittenLayer& layer : written) {
        rows.diff_ids.push_back(layer.diff_id);
        manifest["layers"].push_back(layer.descriptor.json);
        report.blob_bytes_after += layer.report.blob_bytes;
        report.new_layers.push_back(layer.report);
    }
    const Json config = image.config.with_layers_above(base.count, rows);
    TRY_ASSIGN(const Descriptor config_descriptor,
               writer_.add_document(config, member(image.manifest, "config")));
    manifest["config"] = config_descriptor.json;
    annotate(manifest, image, base);
    TRY_ASSIGN(Descriptor descriptor,
               writer_.add_document(manifest, image.manifest_descriptor.json));
    report.manifest = descriptor.digest;
    return NewManifest{std::move(descriptor), std::move(manifest), std::move(report)};
}

Status ManifestSquasher::copy_layers(const ImageLayers& image, size_t count,
                                     const std::stop_token& stop) {
    for (size_t i = 0; options_.copies_base && i < count; ++i) {
        TRY(writer_.copy_blob(source_, image.layers[i], stop));
    }
    return {};
}

Result<NewManifest> ManifestSquasher::copy(const ImageLayers& image, const BaseLayers& base,
                                           const std::stop_token& stop) {
    TRY(copy_layers(image, image.layers.size(), stop));
    TRY_ASSIGN(const Descriptor config, Descriptor::parse(member(image.manifest, "config")));
    TRY(writer_.copy_blob(source_, config));
    TRY(writer_.copy_blob(source_, image.manifest_descriptor));
    return NewManifest{image.manifest_descriptor, image.manifest, report_unchanged(image, base)};
}

} // namespace lamina
