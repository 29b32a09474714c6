// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "unpacker/base/fd.h"
#include "unpacker/base/result.h"

namespace lamina {

// A place in a directory tree that moves one step down or up at a time and holds one descriptor at
// any depth. Steps down follow no links and enter no other filesystem; a step up is checked to
// arrive where the walk came from, so a directory that is moved meanwhile ends the walk with
// `aborted` instead of leading it elsewhere. One thread at a time.
class DirectoryCursor {
  public:
    static Result<DirectoryCursor> open(int directory, const std::string& name);

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] size_t depth() const { return above_.size(); }
    [[nodiscard]] dev_t device() const { return here_.device; }

    Status enter(const std::string& name);
    // Not at depth 0.
    Status leave();

  private:
    struct Identity {
        dev_t device = 0;
        ino_t inode = 0;
        bool operator==(const Identity&) const = default;
    };

    DirectoryCursor(Fd fd, Identity here) : fd_(std::move(fd)), here_(here) {}
    static Result<Identity> identity_of(int fd);

    Fd fd_;
    Identity here_;
    std::vector<Identity> above_;
};

// Calls `visit` with the name and d_type (readdir(3)) of each entry but "." and "..", in the
// filesystem's order, until it returns an error, which is then the result.
[[nodiscard]] Status for_each_entry(int directory,
                                    const std::function<Status(const char*, unsigned char)>& visit);

// The names of all entries but "." and "..".
[[nodiscard]] Result<std::vector<std::string>> list_names(int directory);

[[nodiscard]] Result<bool> is_empty_directory(const std::string& path);

} // namespace lamina
