// SPDX-License-Identifier: Apache-2.0
// Any text as a filter of List.
#include <cstddef>
#include <cstdint>
#include <string>

#include "snapshotter/core/filter.h"
#include "unpacker/base/check.h"

using namespace lamina;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto filter = Filter::parse({text});
    if (!filter) {
        CHECK(filter.error().code == ErrorCode::invalid_argument);
        return 0;
    }
    Info info;
    info.name = "name";
    info.labels["label"] = "value";
    CHECK(filter->matches(info) == filter->matches(info));
    return 0;
}
