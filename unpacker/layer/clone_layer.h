// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "unpacker/base/result.h"
#include "unpacker/layer/rebase_work.h"
#include "unpacker/tree/usage.h"

namespace lamina {

// Makes in the empty directory `to` what unpacking a layer without the layers below it makes there,
// out of `from`, where the same layer was unpacked, with or without them (both borrowed). `work`
// is what remained to be done on it, or was done since, by rebase_layer(): directories that the
// layer only implies get nothing of what `from` took from below it. What remains to be done on `to`
// is `work`. `nice` as in UnpackOptions.
//
// Returns the disk use of `to`. Errors are those of clone_tree(), which see for what may happen to
// `from` meanwhile; failed_precondition for a layer whose root is opaque, since the names that it
// hides are those of its own lower layers.
[[nodiscard]] Result<Usage> clone_layer(int from, const RebaseWork& work, int to, int nice,
                                        const std::stop_token& stop);

} // namespace lamina
