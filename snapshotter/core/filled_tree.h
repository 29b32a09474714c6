// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "unpacker/base/fd.h"

namespace lamina {

// The upper directory that an Apply has filled, for those who copy it without its snapshot's lock,
// so that nobody's commit or remove waits for them. Meanwhile it may be committed, which changes
// the metadata of implied directories of a layer without parents (RebaseWork), given to somebody
// who writes into it, or removed. So a reader believes what it has read only if the tree is
// untouched after that. Any thread.
class FilledTree {
  public:
    FilledTree(Fd upper, Fd work, std::shared_ptr<const std::atomic<bool>> untouched)
        : upper_(std::move(upper)), work_(std::move(work)), untouched_(std::move(untouched)) {}

    // Borrowed; readable also when the snapshot is gone, as far as files are left.
    [[nodiscard]] int fd() const { return upper_.get(); }

    // Everything that was read until now is what the Apply left: nobody asked for the snapshot's
    // mounts since, nor mounted it as an overlay, nor was it removed. Who bind-mounted the mounts
    // that prepare() had answered and writes through those stays unseen, as for commit().
    [[nodiscard]] bool is_untouched() const;

  private:
    Fd upper_;
    Fd work_;
    std::shared_ptr<const std::atomic<bool>> untouched_;
};

} // namespace lamina
