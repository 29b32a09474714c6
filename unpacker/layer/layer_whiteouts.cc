// SPDX-License-Identifier: Apache-2.0
// Whiteouts of a layer: the part of LayerWriter that makes things vanish.
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "unpacker/layer/layer_writer.h"
#include "unpacker/tree/directory_cursor.h"

namespace lamina {

Status LayerWriter::add_whiteout(const Entry& entry, const Place& place,
                                 const std::string& hidden_name) {
    if (target_.whiteouts == WhiteoutMode::overlay) {
        return hide(entry, *place.parent, hidden_name);
    }
    return remove(*place.parent, hidden_name);
}

// A whiteout hides what lower layers have, never what its own layer makes before or after it (OCI
// image-spec layer.md, "Whiteouts"; containerd fails or lets the lower content through here).
Status LayerWriter::hide(const Entry& entry, Directory& parent, const std::string& hidden_name) {
    const bool is_known = parent.names.contains(hidden_name);
    parent.hidden.insert(hidden_name);
    if (const auto child = parent.children.find(hidden_name); child != parent.children.end()) {
        return set_opaque_mark(*child->second);
    }
    if (is_known) {
        return {}; // a leaf of this layer hides the lower one by itself
    }
    TRY_ASSIGN(auto directory, tree_.open(parent));
    parent.names.insert(hidden_name);
    record_.note_name(parent, hidden_name);
    ++whiteouts_;
    Metadata owner;
    owner.uid = static_cast<uid_t>(entry.uid);
    owner.gid = static_cast<gid_t>(entry.gid);
    writers_.submit(parent.writer, {.leaf = Leaf{std::move(directory),
                                                 hidden_name,
                                                 LeafType::whiteout,
                                                 {},
                                                 0,
                                                 0,
                                                 std::move(owner),
                                                 entry.name},
                                    .content = {},
                                    .is_last = true});
    return {};
}

Result<Directory*> LayerWriter::replace_whiteout(Directory& parent, const std::string& name) {
    TRY(remove(parent, name));
    TRY_ASSIGN(Directory* const made, tree_.make_implied(parent, name));
    TRY(set_opaque_mark(*made));
    return made;
}

Status LayerWriter::make_opaque(Directory& directory) {
    if (target_.whiteouts == WhiteoutMode::overlay && directory.is_root()) {
        directory.is_opaque = true; // make_root_opaque() does it
        return {};
    }
    if (target_.whiteouts == WhiteoutMode::overlay) {
        return set_opaque_mark(directory);
    }
    TRY(writers_.await_all());
    TRY(clear_foreign(directory));
    return {};
}

Status LayerWriter::set_opaque_mark(Directory& directory) {
    if (std::exchange(directory.is_opaque, true)) {
        return {};
    }
    TRY_ASSIGN(const auto fd, tree_.open(directory));
    if (::fsetxattr(fd->get(), "trusted.overlay.opaque", "y", 1, 0) != 0) {
        return fail(errno_error("setxattr", "trusted.overlay.opaque"));
    }
    ++whiteouts_;
    return {};
}

Result<std::vector<std::string>> LayerWriter::names_in(Directory& directory) {
    TRY_ASSIGN(const auto fd, tree_.open(directory));
    return list_names(fd->get());
}

// Removes what was in the directory before this layer. True when something of this layer is left.
Result<bool> LayerWriter::clear_foreign(Directory& directory) {
    TRY_ASSIGN(const auto names,
               names_in(directory)); // holds no descriptor: there may be many levels
    bool is_kept = false;
    for (const std::string& name : names) {
        bool keeps = directory.names.contains(name);
        if (const auto child = directory.children.find(name); child != directory.children.end()) {
            TRY_ASSIGN(const bool holds_own, clear_foreign(*child->second));
            keeps = keeps || holds_own || child->second->is_named;
        }
        if (!keeps) {
            TRY(remove(directory, name));
        }
        is_kept = is_kept || keeps;
    }
    return is_kept;
}

// The kernel heeds no opaque mark on the root of a layer. So the directories of this layer in the
// root are opaque themselves; what else lies in the roots below, rebase_layer() hides by name.
Status LayerWriter::make_root_opaque() {
    for (auto& [unused, child] : tree_.root().children) {
        TRY(set_opaque_mark(*child));
    }
    return {};
}

// Where nothing below can be seen there is nothing to hide, and the kernel lists whiteouts in a
// directory that it does not merge (overlayfs.rst, "whiteouts and opaque directories").
Status LayerWriter::remove_whiteouts(Directory& directory) {
    TRY_ASSIGN(const auto fd, tree_.open(directory));
    TRY_ASSIGN(const auto names, list_names(fd->get()));
    for (const std::string& name : names) {
        struct stat found{};
        const bool is_whiteout =
            directory.hidden.contains(name) &&
            ::fstatat(fd->get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISCHR(found.st_mode) && found.st_rdev == 0;
        if (is_whiteout) {
            TRY(remove(directory, name));
            --whiteouts_;
        }
    }
    return {};
}

} // namespace lamina
