// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "unpacker/base/result.h"
#include "unpacker/image/image_source.h"

namespace lamina {

struct StoreAddress {
    std::string socket = "/run/containerd/containerd.sock";
    std::string containerd_namespace = "default";
    std::string snapshotter = "lamina";
};

// The images of one namespace of a containerd, through its services. Everything is done under a
// lease that ends with this, so that nothing is collected before it has a name. One thread at a
// time.
class ImageStore {
  public:
    // unavailable when no containerd answers. `tmp_dir` is where blobs go that cannot be read in
    // place.
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
