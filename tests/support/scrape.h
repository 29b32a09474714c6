// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "unpacker/base/fd.h"

namespace lamina::test {

// A connection to a port of this host; invalid when nobody listens.
[[nodiscard]] Fd connect_to(uint16_t port);

// Sends `request` and answers all that comes until the other side closes.
[[nodiscard]] std::string converse(const Fd& connection, const std::string& request);

// GET of `path`, head and body; "refused" when nobody listens.
[[nodiscard]] std::string http_get(uint16_t port, const std::string& path);

// The value of the metric `series`, name and labels, in a scraped text; "none" when it is not
// there.
[[nodiscard]] std::string value_of(const std::string& text, const std::string& series);

} // namespace lamina::test
