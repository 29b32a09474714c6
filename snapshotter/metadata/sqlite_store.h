// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "snapshotter/core/metadata_store.h"

namespace lamina {

// Snapshots in the SQLite database <root>/metadata.db.
//
// Writers that arrive together share one commit, thus one fsync; readers see the last commit and
// never wait. <root>/lock is held by flock(2) as long as the object lives.
class SqliteStore final : public MetadataStore {
  public:
    // Makes `root` (mode 0700) when it is missing. failed_precondition when another process has
    // the root, or when the database was written by a newer version.
    static Result<std::unique_ptr<SqliteStore>> open(const std::string& root);
    // No call may be under way.
    ~SqliteStore() override;

    Status read(const std::function<Status(ReadTransaction&)>& work) override;
    Status write(const std::function<Status(WriteTransaction&)>& work) override;

    // Commits, each with its fsync, since open(): fewer than writes when some shared one.
    [[nodiscard]] uint64_t commits() const;
    // Writes that wait for the next commit.
    [[nodiscard]] size_t queued() const;

  private:
    struct Parts;
    explicit SqliteStore(std::unique_ptr<Parts> parts);

    std::unique_ptr<Parts> parts_;
};

} // namespace lamina
