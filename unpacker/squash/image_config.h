// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "unpacker/base/digest.h"
#include "unpacker/image/json.h"

namespace lamina {

// Whether a platform, "os/architecture[/variant]", is the one that is asked for. The variant that
// all processors of an architecture have may be left out of either (containerd,
// platforms/database.go).
[[nodiscard]] bool is_platform(std::string_view platform, std::string_view wanted);

// What squashing has to know of an image's configuration (OCI image-spec config.md).
class ImageConfig {
  public:
    static Result<ImageConfig> parse(Json json);

    struct Row {
        std::string created_by;
        bool has_layer = false;
    };

    // Of each layer, from the bottom.
    [[nodiscard]] const std::vector<Digest>& diff_ids() const { return diff_ids_; }
    [[nodiscard]] const std::vector<Row>& history() const { return history_; }
    // Each layer has its row: what the specification asks for and not every builder does.
    [[nodiscard]] bool history_is_complete() const;
    [[nodiscard]] std::string platform() const; // "linux/arm64/v8"

    struct NewLayers {
        std::vector<Digest> diff_ids; // from the bottom
        int64_t created = 0;          // seconds since 1970
        std::string created_by;
        std::string comment;
    };

    // The configuration with the lowest `kept` layers and `layers` above them, each with a row of
    // its own. Everything else stays; rows of layers that are gone stay as rows without a layer.
    [[nodiscard]] Json with_layers_above(size_t kept, const NewLayers& layers) const;

  private:
    [[nodiscard]] Json history_above(size_t kept) const;

    Json json_;
    std::vector<Digest> diff_ids_;
    std::vector<Row> history_;
};

} // namespace lamina
