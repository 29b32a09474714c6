// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "snapshotter/core/filter.h"

namespace lamina {

// The selectors of one filter string; none for an empty one, which matches everything.
Result<std::vector<Filter::Selector>> parse_selectors(const std::string& text);

// Reads a string literal with Go's escapes (strconv.Unquote) from the front of `text`, which
// begins with the quote, and takes it off.
Result<std::string> take_quoted(std::string_view& text);

} // namespace lamina
