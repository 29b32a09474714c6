// SPDX-License-Identifier: Apache-2.0
#include "unpacker/base/byte_source.h"

namespace lamina {

Result<size_t> read_fully(ByteSource& source, std::span<std::byte> buffer) {
    size_t filled = 0;
    while (filled < buffer.size()) {
        TRY_ASSIGN(const size_t got, source.read(buffer.subspan(filled)));
        if (got == 0) {
            break;
        }
        filled += got;
    }
    return filled;
}

} // namespace lamina
