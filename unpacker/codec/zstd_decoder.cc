// SPDX-License-Identifier: Apache-2.0
#include "unpacker/codec/zstd_decoder.h"

#include <fmt/format.h>
#include <zstd.h>

#include "unpacker/base/check.h"
#include "unpacker/base/limits.h"

namespace lamina {
struct ZstdDecoder::State {
    ZSTD_DStream* stream = ZSTD_createDStream();
    bool between_frames = true;
    ~State() { ZSTD_freeDStream(stream); }
};

ZstdDecoder::ZstdDecoder() : state_(std::make_unique<State>()) {
    CHECK(state_->stream != nullptr);
    CHECK(!ZSTD_isError(
        ZSTD_DCtx_setParameter(state_->stream, ZSTD_d_windowLogMax, limits::kZstdWindowLogMax)));
}

ZstdDecoder::~ZstdDecoder() = default;

bool ZstdDecoder::between_frames() const {
    return state_->between_frames;
}

Result<size_t> ZstdDecoder::read(InputWindow& input, std::span<std::byte> buffer) {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    while (out.pos < out.size && (out.pos == 0 || !between_frames())) {
        // Without new input the decoder may still hold output, so it is asked once more.
        TRY_ASSIGN(const bool more, input.fill());
        if (!more && state_->between_frames) {
            break;
        }
        const auto window = input.bytes();
        ZSTD_inBuffer in{window.data(), window.size(), 0};
        const size_t before = out.pos;
        const size_t hint = ZSTD_decompressStream(state_->stream, &out, &in);
        if (ZSTD_isError(hint)) {
            return fail(ErrorCode::data_loss, fmt::format("zstd: {}", ZSTD_getErrorName(hint)));
        }
        input.take(in.pos);
        state_->between_frames = hint == 0;
        if (!more && out.pos == before && !state_->between_frames) {
            return fail(ErrorCode::data_loss, "zstd: stream ends inside a frame");
        }
    }
    return out.pos;
}

} // namespace lamina
