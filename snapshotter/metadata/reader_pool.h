// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "snapshotter/metadata/database.h"
#include "unpacker/base/synchronized.h"

namespace lamina {

// Connections for readers: as many as ever read at the same time, each used by one reader at a
// time, so that readers wait neither for each other nor for the writer. Thread-safe.
class ReaderPool {
  public:
    explicit ReaderPool(std::string path) : path_(std::move(path)) {}

    // Calls `work` within a read transaction: all its queries see the same state.
    Status run(const std::function<Status(Database&)>& work);

  private:
    Result<std::unique_ptr<Database>> borrow();

    const std::string path_;
    Synchronized<std::vector<std::unique_ptr<Database>>> idle_;
};

} // namespace lamina
