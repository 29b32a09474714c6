// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lamina {

// What a whiteout does to the directory that is written.
enum class WhiteoutMode {
    // Deletes the name from the directory itself. For a root that is mounted or complete as it
    // is: the first layer of an image, or any plain directory.
    delete_in_place,
    // Becomes an overlay whiteout (character device 0:0) or an opaque mark
    // (trusted.overlay.opaque=y). For the upper directory of an overlay.
    overlay,
};

} // namespace lamina
