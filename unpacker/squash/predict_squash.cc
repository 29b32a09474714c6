// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/layer_tar.h"
#include "unpacker/squash/manifest_squasher.h"
#include "unpacker/squash/source_layers.h"

namespace lamina {
namespace {

class CountingSink final : public ByteSink {
  public:
    Status write(std::span<const std::byte> bytes) override {
        bytes_ += bytes.size();
        return {};
    }
    Status finish() override { return {}; }

    [[nodiscard]] uint64_t bytes() const { return bytes_; }

  private:
    uint64_t bytes_ = 0;
};

uint64_t blob_bytes(const ImageLayers& image, size_t begin, size_t end) {
    uint64_t bytes = 0;
    for (size_t i = begin; i < end; ++i) {
        bytes += image.layers[i].size_bytes;
    }
    return bytes;
}

// Blob bytes for each byte of tar.
double ratio_above(const ImageLayers& image, size_t kept, const SourceLayers& layers,
                   Compression compression) {
    const auto plain = static_cast<double>(layers.tar_bytes_above(kept));
    if (compression == Compression::none || plain == 0) {
        return 1;
    }
    return static_cast<double>(blob_bytes(image, kept, image.layers.size())) / plain;
}

} // namespace

Result<SquashedImage> predict_squash(const ImageSource& source, const ImageLayers& image,
                                     const BaseLayers& base, const SquashOptions& options,
                                     const std::stop_token& stop) {
    TRY_ASSIGN(LayerShelf shelf, LayerShelf::create(options.tmp_dir));
    TRY_ASSIGN(const SourceLayers layers,
               SourceLayers::unpack(source, image, shelf, options.say, stop));
    const MergeLayers merge = layers.merge_above(base.count);
    TRY_ASSIGN(const LayerSplit split, LayerSplit::plan(merge, options.layers, stop));
    const double ratio =
        ratio_above(image, base.count, layers, options.compression.value_or(Compression::gzip));
    SquashedImage report = report_unchanged(image, base);
    report.layers_after = base.count + split.parts();
    report.blob_bytes_after = blob_bytes(image, 0, base.count);
    for (size_t part = 0; part < split.parts(); ++part) {
        CountingSink tar;
        TRY_ASSIGN(const LayerTarReport counted,
                   write_layer_tar(merge, layers.above(base.count).roots,
                                   {split, part, options.source_date_epoch, true}, tar, stop));
        const auto blob = static_cast<uint64_t>(static_cast<double>(tar.bytes()) * ratio);
        report.blob_bytes_after += blob;
        report.new_layers.push_back(
            {std::nullopt, blob, tar.bytes(), counted.entries, counted.whiteouts});
    }
    return report;
}

} // namespace lamina
