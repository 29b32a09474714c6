// SPDX-License-Identifier: Apache-2.0
#include "unpacker/codec/gzip_decoder.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <isa-l/igzip_lib.h>

namespace lamina {
namespace {

const char* describe(int code) {
    switch (code) {
    case ISAL_INVALID_BLOCK:
        return "invalid deflate block";
    case ISAL_INVALID_SYMBOL:
        return "invalid deflate symbol";
    case ISAL_INVALID_LOOKBACK:
        return "deflate distance reaches before the start";
    case ISAL_INVALID_WRAPPER:
        return "invalid gzip header, or bytes after the last member";
    case ISAL_UNSUPPORTED_METHOD:
        return "unsupported gzip method";
    case ISAL_INCORRECT_CHECKSUM:
        return "wrong gzip checksum or length";
    default:
        return "corrupt gzip stream";
    }
}

} // namespace

// A member's header is read by a call of its own, since isal_inflate() forgets where it stood in
// the optional fields (file name, comment) when its input ends within them (ISA-L 2.30).
enum class GzipPart { between_members, header, body };

struct GzipDecoder::State {
    inflate_state inflate{};
    isal_gzip_header header{};
    GzipPart part = GzipPart::between_members;
};

GzipDecoder::GzipDecoder() : state_(std::make_unique<State>()) {
    isal_inflate_init(&state_->inflate);
}

GzipDecoder::~GzipDecoder() = default;

bool GzipDecoder::between_frames() const {
    return state_->part == GzipPart::between_members;
}

// False at the end of the stream. A member that is over is followed by another one or by the end.
Result<bool> GzipDecoder::start_member(InputWindow& input) {
    TRY_ASSIGN(const bool more, input.fill());
    if (more) {
        isal_inflate_reset(&state_->inflate);
        state_->inflate.crc_flag = ISAL_GZIP_NO_HDR_VER;
        isal_gzip_header_init(&state_->header);
        state_->part = GzipPart::header;
    }
    return more;
}

// Gives ISA-L what is there of the input, for the header or for the body, and takes off what it
// used.
Status GzipDecoder::advance(InputWindow& input) {
    inflate_state& inflate = state_->inflate;
    // An empty window here is no error yet: ISA-L may still hold output of its own.
    TRY_ASSIGN(const bool more, input.fill());
    const auto window = input.bytes();
    const uint32_t room = inflate.avail_out;
    inflate.next_in = reinterpret_cast<uint8_t*>(window.data());
    inflate.avail_in = static_cast<uint32_t>(window.size());
    const bool in_header = state_->part == GzipPart::header;
    const int code =
        in_header ? isal_read_gzip_header(&inflate, &state_->header) : isal_inflate(&inflate);
    input.take(window.size() - inflate.avail_in);
    if (code < 0) {
        return fail(ErrorCode::data_loss, fmt::format("gzip: {}", describe(code)));
    }
    if (in_header && code == ISAL_DECOMP_OK) {
        state_->part = GzipPart::body;
    } else if (!in_header && inflate.block_state == ISAL_BLOCK_FINISH) {
        state_->part = GzipPart::between_members;
    } else if (!more && inflate.avail_out == room) {
        return fail(ErrorCode::data_loss, "gzip: stream ends inside a member");
    }
    return {};
}

Result<size_t> GzipDecoder::read(InputWindow& input, std::span<std::byte> buffer) {
    inflate_state& inflate = state_->inflate;
    const auto room = static_cast<uint32_t>(
        std::min<size_t>(buffer.size(), std::numeric_limits<uint32_t>::max()));
    uint32_t filled = 0;
    while (filled < room && (filled == 0 || !between_frames())) {
        if (between_frames()) {
            TRY_ASSIGN(const bool more, start_member(input));
            if (!more) {
                break;
            }
        }
        inflate.next_out = reinterpret_cast<uint8_t*>(buffer.data()) + filled;
        inflate.avail_out = room - filled;
        TRY(advance(input));
        filled = room - inflate.avail_out;
    }
    return filled;
}

} // namespace lamina
