// SPDX-License-Identifier: Apache-2.0
#include "unpacker/image/checked_blob.h"

#include <fmt/format.h>

namespace lamina {

Result<size_t> CheckedBlob::read(std::span<std::byte> buffer) {
    TRY_ASSIGN(const size_t got, file_.read(buffer));
    hash_.update(buffer.first(got));
    if (file_.bytes_left() == 0 && !is_checked_) {
        is_checked_ = true;
        if (const Digest found = hash_.finish(); found != digest_) {
            return fail(ErrorCode::data_loss,
                        fmt::format("blob {} has the digest {}", digest_.text(), found.text()));
        }
    }
    return got;
}

} // namespace lamina
