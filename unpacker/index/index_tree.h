// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "unpacker/index/layer_index.h"
#include "unpacker/index/overlay_xattrs.h"

namespace lamina {

// The index of the layer whose tree, in the form that overlayfs reads, is open as `root`
// (borrowed). Contents are not read and have no digests. Links are not followed.
//
// Whiteouts in the form with xattrs are whiteouts wherever they are; the kernel shows them as empty
// files where it does not look for them because nothing is below.
//
// For trees that nobody changes meanwhile; of one that is changed anyway, the result is an error
// or a mixture, never something from outside. failed_precondition: a path longer than PATH_MAX, or
// another filesystem below the root. canceled soon after `stop`.
[[nodiscard]] Result<LayerIndex> index_tree(int root, OverlayXattrs form,
                                            const std::stop_token& stop = {});

} // namespace lamina
