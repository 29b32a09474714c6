// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "unpacker/squash/image_tree.h"
#include "unpacker/squash/layer_sketch.h"
#include "unpacker/squash/layer_tar.h"
#include "unpacker/squash/manifest_squasher.h"

namespace lamina {
namespace {

// What gzip and zstd make of a byte of common files (README.md, "Compressing"): taken of layers
// that are not compressed, which say nothing about it themselves.
constexpr double kUsualRatio = 0.38;

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

// As long as a file of which only the size is known.
class Zeros final : public ByteSource {
  public:
    explicit Zeros(uint64_t bytes) : left_(bytes) {}

    Result<size_t> read(std::span<std::byte> buffer) override {
        const size_t count = std::min<uint64_t>(left_, buffer.size());
        std::ranges::fill(buffer.first(count), std::byte{0});
        left_ -= count;
        return count;
    }

  private:
    uint64_t left_;
};

// A layer of the source, and how well its blob is compressed.
struct SketchedLayer {
    LayerSketch sketch;
    double ratio = 1; // blob bytes for each byte of tar
};

// Contents of layers that were only sketched: the sizes are right. Counts what each layer gives.
class SketchedContents final : public LayerContents {
  public:
    // Topmost first, as in the merge; borrowed.
    explicit SketchedContents(std::vector<const SketchedLayer*> range)
        : range_(std::move(range)), bytes_(range_.size()) {}

    Result<Xattrs> xattrs_of(const MergedEntry& merged) override {
        const auto& known = range_.at(merged.layer)->sketch.xattr_bytes;
        const uint64_t bytes = known.at(*merged.entry->xattrs);
        constexpr std::string_view kAround = " SCHILY.xattr.user.=\n";
        const uint64_t value = bytes - std::min<uint64_t>(bytes, kAround.size());
        return Xattrs{{"user.", std::string(value, ' ')}};
    }

    Result<std::unique_ptr<ByteSource>> open(const MergedEntry& file) override {
        bytes_.at(file.layer) += file.entry->size_bytes;
        return std::make_unique<Zeros>(file.entry->size_bytes);
    }

    // How well what was opened is compressed in the layers that it comes from.
    [[nodiscard]] double ratio() const {
        double plain = 0;
        double compressed = 0;
        for (size_t i = 0; i < range_.size(); ++i) {
            plain += static_cast<double>(bytes_[i]);
            compressed += static_cast<double>(bytes_[i]) * range_[i]->ratio;
        }
        return plain == 0 ? kUsualRatio : compressed / plain;
    }

  private:
    std::vector<const SketchedLayer*> range_;
    std::vector<uint64_t> bytes_; // of files, by layer
};

double ratio_of(const Descriptor& blob, uint64_t tar_bytes) {
    return blob.size_bytes >= tar_bytes
               ? kUsualRatio
               : static_cast<double>(blob.size_bytes) / static_cast<double>(tar_bytes);
}

Result<std::vector<SketchedLayer>> sketch_layers(const ImageSource& source,
                                                 const ImageLayers& image, const Say& say,
                                                 const std::stop_token& stop) {
    std::vector<SketchedLayer> out;
    for (size_t i = 0; i < image.layers.size(); ++i) {
        const Descriptor& descriptor = image.layers[i];
        say(fmt::format("{}: reading layer {} of {}", image.config.platform(), i + 1,
                        image.layers.size()));
        TRY_ASSIGN(const auto blob, source.open_blob(descriptor));
        TRY_ASSIGN(const Encoding encoding, encoding_of_media_type(descriptor.media_type));
        std::vector<const LayerSketch*> below;
        for (auto lower = out.rbegin(); lower != out.rend(); ++lower) {
            below.push_back(&lower->sketch);
        }
        auto sketch = sketch_layer(*blob, encoding, image.config.diff_ids()[i], below, stop);
        if (!sketch) {
            return fail(with_context(descriptor.digest.text(), sketch.error()));
        }
        const double ratio = ratio_of(descriptor, sketch->tar_bytes);
        out.push_back({*std::move(sketch), ratio});
    }
    return out;
}

// Topmost first.
std::vector<const SketchedLayer*> stack(const std::vector<SketchedLayer>& layers, size_t begin,
                                        size_t end) {
    std::vector<const SketchedLayer*> out;
    for (size_t i = end; i > begin; --i) {
        out.push_back(&layers[i - 1]);
    }
    return out;
}

std::vector<const LayerIndex*> indexes_of(const std::vector<const SketchedLayer*>& layers) {
    std::vector<const LayerIndex*> out;
    for (const SketchedLayer* layer : layers) {
        out.push_back(layer->sketch.index.get());
    }
    return out;
}

} // namespace

Result<SquashedImage> predict_squash(const ImageSource& source, const ImageLayers& image,
                                     const BaseLayers& base, const SquashOptions& options,
                                     const std::stop_token& stop) {
    TRY_ASSIGN(const auto layers, sketch_layers(source, image, options.say, stop));
    const auto range = stack(layers, base.count, layers.size());
    const MergeLayers merge{indexes_of(range), indexes_of(stack(layers, 0, base.count))};
    TRY_ASSIGN(const LayerSplit split, LayerSplit::plan(merge, options.layers, stop));
    const bool is_plain = options.compression == Compression::none;
    SquashedImage report = report_unchanged(image, base);
    report.layers_after = base.count + split.parts();
    report.blob_bytes_after = blob_bytes(image.layers, base.count);
    for (size_t part = 0; part < split.parts(); ++part) {
        SketchedContents contents(range);
        CountingSink tar;
        TRY_ASSIGN(
            const LayerTarReport counted,
            write_layer_tar(merge, contents, {split, part, options.source_date_epoch}, tar, stop));
        const double ratio = is_plain ? 1 : contents.ratio();
        const auto blob = static_cast<uint64_t>(static_cast<double>(tar.bytes()) * ratio);
        report.blob_bytes_after += blob;
        report.new_layers.push_back(
            {std::nullopt, blob, tar.bytes(), counted.entries, counted.whiteouts});
    }
    return report;
}

} // namespace lamina
