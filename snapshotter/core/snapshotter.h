// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "snapshotter/core/types.h"
#include "unpacker/base/result.h"

namespace lamina {

// The contract of containerd's snapshotters, call by call. Implemented by OverlaySnapshotter, and
// in the tests by a client of the daemon's socket, so that one conformance suite checks both.
//
// Every call may come from any thread, also at the same time. What a call changed is durable when
// it returns.
//
// Errors: not_found for unknown keys and parents; already_exists for a key or name in use;
// invalid_argument for a parent that is not committed, bad labels, field paths or filters;
// failed_precondition for a kind that does not fit and for the removal of a parent.
class Snapshotter {
  public:
    virtual ~Snapshotter() = default;

    virtual Result<Mounts> prepare(const std::string& key, const std::string& parent,
                                   const Labels& labels) = 0;
    virtual Result<Mounts> view(const std::string& key, const std::string& parent,
                                const Labels& labels) = 0;
    // Always what prepare() or view() answered for this key.
    virtual Result<Mounts> mounts(const std::string& key) = 0;
    // `parent` is empty, or the snapshot to put an active one without parent onto (rebase).
    virtual Status commit(const std::string& name, const std::string& key, const Labels& labels,
                          const std::string& parent) = 0;
    virtual Status remove(const std::string& key) = 0;
    virtual Result<Info> stat(const std::string& key) = 0;
    // Replaces all labels when `field_paths` is empty or names "labels"; sets or deletes single
    // ones for "labels.<key>". info.name selects the snapshot.
    virtual Result<Info> update(const Info& info, const std::vector<std::string>& field_paths) = 0;
    // Calls `visit` for each snapshot that one of `filters` matches (all, without filters), until
    // it returns an error, which is then walk()'s. `visit` may call this object.
    virtual Status walk(const std::vector<std::string>& filters,
                        const std::function<Status(const Info&)>& visit) = 0;
    virtual Result<Usage> usage(const std::string& key) = 0;
    // Starts (does not await) the removal of trees that no snapshot owns.
    virtual Status cleanup() = 0;
};

} // namespace lamina
