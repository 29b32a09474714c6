// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "unpacker/base/result.h"
#include "unpacker/index/overlay_xattrs.h"

namespace lamina {

[[nodiscard]] Status set_opaque_mark(int directory, OverlayXattrs form);

// Takes every mark of overlayfs off: of an open file or directory, or of `name` in `directory`,
// links not followed.
[[nodiscard]] Status remove_overlay_marks(int fd, OverlayXattrs form);
[[nodiscard]] Status remove_overlay_marks_at(int directory, const std::string& name,
                                             OverlayXattrs form);

} // namespace lamina
