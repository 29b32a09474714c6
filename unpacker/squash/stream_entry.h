// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "unpacker/index/index_entry.h"
#include "unpacker/tar/entry.h"
#include "unpacker/tree/xattrs.h"

namespace lamina {

// What unpacking would set of an entry's, and an index tell: trusted.* is left out
// (layer/metadata.h), and the host's own label.
[[nodiscard]] XattrMap unpacked_xattrs(const Entry& entry);

// What an index says of an entry of a tar stream, as unpacking would make it, under `path`.
[[nodiscard]] IndexEntry unpacked_entry(const Entry& entry, std::string path);

} // namespace lamina
