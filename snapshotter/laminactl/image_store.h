// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "unpacker/base/result.h"
#include "unpacker/image/image_source.h"

namespace lamina {

// How long containerd may take for a call that only names or describes something. While it collects
// garbage, calls that write wait.
inline constexpr std::chrono::seconds kStoreCallTime{60};

struct StoreAddress {
    std::string socket = "/run/containerd/containerd.sock";
    std::string containerd_namespace = "default";
    std::string snapshotter = "lamina";
    std::chrono::milliseconds call_time = kStoreCallTime;
};

// The images of one namespace of a containerd, through its services. Everything is done under a
// lease that ends with this, so that nothing is collected before it has a name. One thread at a
// time.
class ImageStore {
  public:
    // unavailable when there is no containerd, deadline_exceeded when it does not answer. `tmp_dir`
    // is where blobs go that cannot be read in place.
    static Result<std::unique_ptr<ImageStore>> open(const StoreAddress& address,
                                                    std::string tmp_dir, std::stop_token stop);
    ~ImageStore();

    // All images of the namespace as one source, each under its name. Borrows this.
    [[nodiscard]] Result<ImageSource> source();

    // Takes over the only image of `layout`, under the name that it has there; a name that is taken
    // means the new image from then on. Layers of the host's own platform are unpacked into the
    // snapshotter first, so that the image runs as soon as it has its name.
    Status add(const ImageSource& layout);

  private:
    struct State;
    explicit ImageStore(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

} // namespace lamina
