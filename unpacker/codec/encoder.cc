// SPDX-License-Identifier: Apache-2.0
#include "unpacker/codec/encoder.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "unpacker/codec/parallel_encoder.h"
#include "unpacker/codec/piece_encoder.h"

namespace lamina {
namespace {

constexpr std::array<std::string_view, 3> kNames{"none", "gzip", "zstd"}; // as in the enum

class PlainSink final : public ByteSink {
  public:
    explicit PlainSink(ByteSink& out) : out_(out) {}
    Status write(std::span<const std::byte> bytes) override { return out_.write(bytes); }
    Status finish() override { return {}; }

  private:
    ByteSink& out_;
};

} // namespace

std::string_view name_of(Compression compression) {
    return kNames.at(static_cast<size_t>(compression));
}

Result<Compression> parse_compression(std::string_view text) {
    const auto* found = std::ranges::find(kNames, text);
    if (found == kNames.end()) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("\"{}\" is none of the compressions none, gzip and zstd", text));
    }
    return static_cast<Compression>(found - kNames.begin());
}

std::unique_ptr<ByteSink> make_encoder(ByteSink& out, Compression compression, unsigned threads) {
    if (compression == Compression::none) {
        return std::make_unique<PlainSink>(out);
    }
    auto pieces = compression == Compression::gzip ? gzip_members() : zstd_frames();
    return std::make_unique<ParallelEncoder>(out, std::move(pieces), threads);
}

} // namespace lamina
