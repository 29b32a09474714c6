// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/entry.h"
#include "unpacker/pipeline/layer_unpacker.h"

namespace lamina::test {

// The rules of unpacking once more, as plainly as possible: one thread, whole paths, one entry
// after the other, nothing remembered but what the rules ask for. Slow, and open to races that a
// test does not have. The property test compares unpack_layer() with it.
class ReferenceApplier {
  public:
    explicit ReferenceApplier(UnpackTarget target) : target_(std::move(target)) {}

    // False when the rules refuse the entry.
    bool apply(const Entry& entry);

    // After the last entry: what directories have that were only implied, and all their times.
    void finish();

    // mtime of directories that had an entry; nobody says what the others have.
    [[nodiscard]] const std::map<std::string, int64_t>& directory_times() const { return times_; }

  private:
    bool apply_whiteout(const std::string& directory, const std::string& hidden);
    void hide(const std::string& name);
    void make_opaque(const std::string& directory);
    void remove_foreign(const std::string& directory);
    bool make(const Entry& entry, const std::string& name);
    bool make_directory(const std::string& name);
    bool make_parents(const std::string& name);
    void hide_lower_roots();
    void inherit(const std::string& name);
    void remove_idle_whiteouts();
    [[nodiscard]] bool is_whiteout(const std::string& name) const;
    [[nodiscard]] bool is_hidden_below(const std::string& name) const;
    bool hard_link_to(const std::string& target, const std::string& name);
    void remove(const std::string& name);
    [[nodiscard]] std::string at(const std::string& name) const;

    UnpackTarget target_;
    std::set<std::string> own_;    // names that the archive made or passed through
    std::set<std::string> hidden_; // names with a whiteout of the archive
    std::set<std::string> implied_;
    bool is_root_opaque_ = false;
    std::map<std::string, int64_t> times_;
};

} // namespace lamina::test
