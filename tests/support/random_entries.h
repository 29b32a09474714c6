// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <rapidcheck.h>

#include "tests/support/entry.h"
#include "tests/support/temp_dir.h"
#include "unpacker/pipeline/layer_unpacker.h"

namespace lamina::test {

// An entry of any kind under one of few names, so that entries meet: over each other, within each
// other, below directories that nobody made, by way of links. Its time is in 2001.
rc::Gen<Entry> any_entry();

// A root of one unpack, and what an earlier layer left: in the root itself, or in a lowerdir.
struct UnpackPlace {
    TempDir temp;
    UnpackTarget target;

    UnpackPlace(WhiteoutMode mode, const Tree& earlier);
};

// The entries that the rules (ReferenceApplier) accept one after the other in such a place. What a
// refused one did is undone by starting again.
[[nodiscard]] Tree accepted_entries(const Tree& entries, WhiteoutMode mode, const Tree& earlier);

// For messages: one line for each.
[[nodiscard]] std::string shown(const Tree& entries);

} // namespace lamina::test
