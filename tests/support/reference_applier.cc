// SPDX-License-Identifier: Apache-2.0
#include "tests/support/reference_applier.h"

#include <deque>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/support/tree.h"
#include "unpacker/base/check.h"

namespace lamina::test {
namespace {

namespace fs = std::filesystem;

constexpr char kDir = static_cast<char>(Entry::Type::dir);
constexpr char kHardLink = static_cast<char>(Entry::Type::hard_link);

bool is_directory(const std::string& path) {
    return fs::is_directory(fs::symlink_status(path));
}

std::string joined(const std::string& directory, const std::string& name) {
    return directory.empty() ? name : directory + "/" + name;
}

std::string parent_of(const std::string& name) {
    const size_t slash = name.rfind('/');
    return slash == std::string::npos ? "" : name.substr(0, slash);
}

// Relative to "/": no leading slash, no "." and no "..".
std::string cleaned(const std::string& name) {
    std::string clean = fs::path("/" + name).lexically_normal().relative_path().string();
    if (clean.ends_with('/')) {
        clean.pop_back();
    }
    return clean;
}

std::deque<std::string> components_of(const std::string& path) {
    std::deque<std::string> parts;
    for (const fs::path& part : fs::path(path).relative_path()) {
        if (!part.empty() && part != ".") {
            parts.push_back(part.string());
        }
    }
    return parts;
}

// `path` with every link followed inside `root`, relative to it; nothing for a loop or for a path
// through something that is no directory. The archive's own whiteouts count as missing.
std::optional<std::string> resolve(const std::string& root, const std::string& path,
                                   const std::set<std::string>& hidden) {
    std::deque<std::string> todo = components_of(path);
    std::string at;
    for (int links = 0; !todo.empty();) {
        const std::string part = todo.front();
        todo.pop_front();
        if (part == "..") {
            at = parent_of(at);
            continue;
        }
        const std::string next = joined(at, part);
        const std::string path_of_next = joined(root, next);
        const auto status = fs::symlink_status(path_of_next);
        if (fs::is_symlink(status)) {
            const std::string link = fs::read_symlink(path_of_next).string();
            const auto parts = components_of(link);
            todo.insert(todo.begin(), parts.begin(), parts.end());
            at = link.starts_with('/') ? "" : at;
            if (++links > 255) {
                return std::nullopt;
            }
            continue;
        }
        const bool is_whiteout = fs::is_character_file(status) && hidden.contains(next);
        if (fs::exists(status) && !fs::is_directory(status) && !is_whiteout) {
            return std::nullopt;
        }
        at = next;
    }
    return at;
}

// Whether one of the directories on the way to `name`, as far as they are there, is opaque.
bool is_opaque_on_the_way(const std::string& layer, const std::string& name) {
    std::string at = layer;
    for (const std::string& part : components_of(name)) {
        at += "/" + part;
        if (!is_directory(at)) {
            return false;
        }
        if (read_entry(at, "").xattrs.contains("trusted.overlay.opaque")) {
            return true;
        }
    }
    return false;
}

void copy_metadata(const std::string& from, const std::string& to) {
    Entry entry = read_entry(from, "");
    std::erase_if(entry.xattrs,
                  [](const auto& xattr) { return xattr.first.starts_with("trusted."); });
    set_metadata(to, entry);
}

} // namespace

std::string ReferenceApplier::at(const std::string& name) const {
    return target_.root + "/" + name;
}

bool ReferenceApplier::is_whiteout(const std::string& name) const {
    return hidden_.contains(name) && fs::is_character_file(fs::symlink_status(at(name)));
}

bool ReferenceApplier::apply(const Entry& entry) {
    const std::string name = cleaned(entry.name);
    const auto directory = resolve(target_.root, parent_of(name), hidden_);
    if (name.empty()) {
        return true;
    }
    if (!directory || !make_parents(*directory)) {
        return false;
    }
    const std::string base = name.substr(name.rfind('/') + 1);
    return base.starts_with(".wh.") ? apply_whiteout(*directory, base.substr(4))
                                    : make(entry, joined(*directory, base));
}

bool ReferenceApplier::make_parents(const std::string& name) {
    if (name.empty()) {
        return true;
    }
    if (!make_parents(parent_of(name))) {
        return false;
    }
    if (is_directory(at(name))) {
        own_.insert(name);
        return true;
    }
    implied_.insert(name);
    return make_directory(name);
}

// Takes the place of a whiteout of the archive, and then hides what that hid.
bool ReferenceApplier::make_directory(const std::string& name) {
    if (is_whiteout(name)) {
        fs::remove(at(name));
    }
    if (mkdir(at(name).c_str(), 0755) != 0) {
        return false;
    }
    own_.insert(name);
    if (hidden_.contains(name)) {
        make_opaque(name);
    }
    return true;
}

// True when the directory or one above it is opaque.
bool ReferenceApplier::is_hidden_below(const std::string& name) const {
    if (name.empty()) {
        return is_root_opaque_;
    }
    const bool is_opaque = read_entry(at(name), name).xattrs.contains("trusted.overlay.opaque");
    return is_opaque || is_hidden_below(parent_of(name));
}

void ReferenceApplier::inherit(const std::string& name) {
    for (const std::string& lower : target_.lowerdirs) {
        const auto found = resolve(lower, name, {});
        if (found && is_directory(lower + "/" + *found)) {
            copy_metadata(lower + "/" + *found, at(name));
            return;
        }
        const bool is_something_else = !found; // in the way, or a loop
        if (is_something_else || is_opaque_on_the_way(lower, name)) {
            return;
        }
    }
}

bool ReferenceApplier::apply_whiteout(const std::string& directory, const std::string& hidden) {
    if (hidden == ".wh..opq") {
        target_.whiteouts == WhiteoutMode::overlay ? make_opaque(directory)
                                                   : remove_foreign(directory);
        return true;
    }
    if (hidden.empty() || hidden == "." || hidden == "..") {
        return false;
    }
    const std::string name = joined(directory, hidden);
    if (target_.whiteouts == WhiteoutMode::overlay) {
        hide(name);
    } else {
        remove(name);
    }
    return true;
}

void ReferenceApplier::hide(const std::string& name) {
    hidden_.insert(name);
    if (is_directory(at(name))) {
        make_opaque(name);
    } else if (!exists(at(name))) {
        CHECK(mknod(at(name).c_str(), S_IFCHR, 0) == 0);
        CHECK(chmod(at(name).c_str(), 0) == 0);
    }
}

void ReferenceApplier::make_opaque(const std::string& directory) {
    if (directory.empty()) {
        is_root_opaque_ = true;
        return;
    }
    CHECK(setxattr(at(directory).c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0);
}

void ReferenceApplier::remove_foreign(const std::string& directory) {
    std::vector<std::string> names;
    for (const auto& item : fs::directory_iterator(at(directory))) {
        names.push_back(joined(directory, item.path().filename().string()));
    }
    for (const std::string& name : names) {
        if (!own_.contains(name)) {
            remove(name);
        } else if (is_directory(at(name))) {
            remove_foreign(name);
        }
    }
}

void ReferenceApplier::remove(const std::string& name) {
    fs::remove_all(at(name));
    const auto is_gone = [&](const std::string& other) {
        return other == name || other.starts_with(name + "/");
    };
    std::erase_if(own_, is_gone);
    std::erase_if(implied_, is_gone);
    std::erase_if(times_, [&](const auto& time) { return is_gone(time.first); });
    std::erase_if(hidden_, [&](const auto& other) { return other != name && is_gone(other); });
}

bool ReferenceApplier::make(const Entry& entry, const std::string& name) {
    const bool stays = entry.type == kDir && is_directory(at(name));
    if (exists(at(name)) && !stays) {
        remove(name);
    }
    if (entry.type == kDir && !stays && !make_directory(name)) {
        return false;
    }
    if (entry.type == kHardLink && !hard_link_to(entry.link, name)) {
        return false;
    }
    if (entry.type == kDir || entry.type == kHardLink) {
        set_metadata(at(name), entry);
    } else {
        Entry made = entry;
        made.name = name;
        make_tree(target_.root, {made});
    }
    own_.insert(name);
    implied_.erase(name);
    if (entry.type == kDir) {
        times_[name] = entry.mtime_seconds;
    }
    return true;
}

bool ReferenceApplier::hard_link_to(const std::string& target, const std::string& name) {
    const std::string clean = cleaned(target);
    const auto directory = resolve(target_.root, parent_of(clean), {});
    if (clean.empty() || !directory) {
        return false;
    }
    const std::string from = joined(*directory, clean.substr(clean.rfind('/') + 1));
    return !is_whiteout(from) && link(at(from).c_str(), at(name).c_str()) == 0;
}

// Where nothing lies below, the kernel would list a whiteout as a device.
void ReferenceApplier::remove_idle_whiteouts() {
    for (const std::string& name : hidden_) {
        if (is_whiteout(name) && !parent_of(name).empty() && is_hidden_below(parent_of(name))) {
            fs::remove(at(name));
        }
    }
}

// The kernel knows no opaque root, so each name in it is hidden by itself.
void ReferenceApplier::hide_lower_roots() {
    for (const auto& item : fs::directory_iterator(target_.root)) {
        if (!item.is_symlink() && item.is_directory()) {
            make_opaque(item.path().filename().string());
        }
    }
    for (const std::string& lower : target_.lowerdirs) {
        for (const auto& item : fs::directory_iterator(lower)) {
            const std::string path = at(item.path().filename().string());
            if (!fs::exists(fs::symlink_status(path))) {
                CHECK(mknod(path.c_str(), S_IFCHR, 0) == 0);
                CHECK(chmod(path.c_str(), 0) == 0);
            }
        }
    }
}

void ReferenceApplier::finish() {
    if (is_root_opaque_) {
        hide_lower_roots();
    }
    remove_idle_whiteouts();
    for (const std::string& name : implied_) {
        if (target_.whiteouts == WhiteoutMode::overlay && !hidden_.contains(name) &&
            !is_hidden_below(parent_of(name))) {
            inherit(name);
        }
    }
    for (const auto& [name, seconds] : times_) {
        const timespec times[2] = {{seconds, 0}, {seconds, 0}};
        CHECK(utimensat(AT_FDCWD, at(name).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
    }
}

} // namespace lamina::test
