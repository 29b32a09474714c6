// SPDX-License-Identifier: Apache-2.0
#include "unpacker/tar/slice_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace lamina {
namespace {

tl::unexpected<Error> ends_early() {
    return fail(ErrorCode::data_loss, "archive ends early, within an entry");
}

} // namespace

bool SliceStream::fill() {
    while (current_.bytes.empty()) {
        auto next = next_slice_();
        if (!next) {
            return false;
        }
        current_ = *std::move(next);
    }
    return true;
}

Slice SliceStream::cut(size_t count) {
    Slice part{current_.chunk, current_.bytes.first(count)};
    current_.bytes = current_.bytes.subspan(count);
    if (current_.bytes.empty()) {
        current_.chunk.reset(); // its buffer may be needed for what comes next
    }
    return part;
}

Result<Slice> SliceStream::take(uint64_t most) {
    if (!fill()) {
        return ends_early();
    }
    return cut(static_cast<size_t>(std::min<uint64_t>(most, current_.bytes.size())));
}

Result<std::optional<Slice>> SliceStream::take_exactly(size_t count) {
    if (!fill()) {
        return std::nullopt;
    }
    if (current_.bytes.size() >= count) {
        return cut(count);
    }
    std::vector<std::byte> gathered;
    while (gathered.size() < count) {
        TRY_ASSIGN(const Slice part, take(count - gathered.size()));
        gathered.insert(gathered.end(), part.bytes.begin(), part.bytes.end());
    }
    return copy_to_slice(gathered);
}

Status SliceStream::skip(uint64_t count) {
    while (count > 0) {
        TRY_ASSIGN(const Slice part, take(count));
        count -= part.bytes.size();
    }
    return {};
}

} // namespace lamina
