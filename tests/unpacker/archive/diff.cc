// SPDX-License-Identifier: Apache-2.0
#include "tests/unpacker/archive/diff.h"

#include <map>
#include <set>

#include "tests/support/tree.h"

namespace lamina::test {
namespace {

constexpr char kDir = '5';
constexpr char kHardLink = '1';

using Names = std::map<std::string, Entry>;

Names by_name(const std::string& root) {
    Names names;
    walk_tree(root, [&](const Entry& entry) { names.emplace(entry.name, entry); });
    return names;
}

bool equal(const Entry& a, const Entry& b) {
    const bool same_metadata = a.type == b.type && a.permission_bits == b.permission_bits &&
                               a.uid == b.uid && a.gid == b.gid && a.xattrs == b.xattrs &&
                               a.device_major == b.device_major && a.device_minor == b.device_minor;
    const bool same_content = a.type == kDir || (a.content == b.content && a.link == b.link &&
                                                 a.mtime_seconds == b.mtime_seconds);
    return same_metadata && same_content;
}

std::string parent_of(const std::string& name) {
    const size_t slash = name.rfind('/');
    return slash == std::string::npos ? "" : name.substr(0, slash);
}

class Differ {
  public:
    Differ(Names before, Names after) : before_(std::move(before)), after_(std::move(after)) {
        for (const auto& [name, entry] : after_) {
            links_[first_name(entry)].push_back(name);
        }
    }

    Tree run(ParentEntries parents) {
        find_removed();
        find_changed();
        if (parents == ParentEntries::with) {
            add_parents();
        }
        Tree layer;
        for (const auto& [name, is_removed] : changes_) {
            layer.push_back(is_removed ? whiteout(name) : after_.at(name));
        }
        return layer;
    }

  private:
    static std::string first_name(const Entry& entry) {
        return entry.type == kHardLink ? entry.link : entry.name;
    }

    void find_removed() {
        for (const auto& [name, entry] : before_) {
            const bool parent_is_left =
                parent_of(name).empty() ||
                (after_.contains(parent_of(name)) && after_.at(parent_of(name)).type == kDir);
            if (!after_.contains(name) && parent_is_left) {
                changes_.emplace(name, true);
            }
        }
    }

    void find_changed() {
        for (const auto& [name, entry] : after_) {
            const auto old = before_.find(name);
            if (old != before_.end() && equal(old->second, entry)) {
                continue;
            }
            for (const std::string& linked : links_.at(first_name(entry))) {
                changes_.emplace(linked, false);
            }
        }
    }

    void add_parents() {
        std::set<std::string> parents;
        for (const auto& [name, is_removed] : changes_) {
            for (auto parent = parent_of(name); !parent.empty(); parent = parent_of(parent)) {
                parents.insert(parent);
            }
        }
        for (const std::string& parent : parents) {
            changes_.emplace(parent, false);
        }
    }

    Names before_;
    Names after_;
    std::map<std::string, std::vector<std::string>> links_; // first name -> all names of an inode
    std::map<std::string, bool> changes_;                   // name -> is it removed
};

} // namespace

Tree diff(const std::string& before, const std::string& after, ParentEntries parents) {
    return Differ(by_name(before), by_name(after)).run(parents);
}

} // namespace lamina::test
