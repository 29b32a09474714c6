// SPDX-License-Identifier: Apache-2.0
// Any bytes as a layer: no crash, no hang, and nothing outside of the root. The first byte chooses
// the whiteout mode and the number of writers.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/memory_blob.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/base/check.h"
#include "unpacker/pipeline/layer_unpacker.h"

using namespace lamina;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const test::TempDir temp;
    test::make_tree(temp.path(), {test::dir("root"), test::file("root.beside", "kept")});
    UnpackTarget target;
    target.root = temp / "root";
    target.whiteouts = (data[0] & 1U) != 0 ? WhiteoutMode::overlay : WhiteoutMode::delete_in_place;
    const size_t descriptors = test::count_descriptors();
    test::MemoryBlob blob(std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
    const auto result = unpack_layer(blob, Encoding::sniff, target, {(data[0] & 2U) + 1U}, {});
    CHECK(result || !result.error().message.empty());
    CHECK(test::count_descriptors() == descriptors);
    CHECK(test::read_file(temp / "root.beside") == "kept");
    return 0;
}
