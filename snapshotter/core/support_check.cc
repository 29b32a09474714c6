// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/support_check.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/ranges.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "unpacker/tree/directory_cursor.h"
#include "unpacker/tree/remove_tree.h"

namespace lamina {
namespace {

Error unusable(const Layout& layout, std::string_view what) {
    return {
        ErrorCode::failed_precondition, 0,
        fmt::format("the filesystem of {} cannot hold overlay snapshots: {}", layout.root(), what)};
}

Status check_file_types(const Layout& layout, int directory) {
    return for_each_entry(directory, [&](const char*, unsigned char type) -> Status {
        if (type == DT_UNKNOWN) {
            return fail(unusable(layout, "no file types in directory listings (d_type; XFS needs "
                                         "ftype=1)"));
        }
        return {};
    });
}

// lower/deleted, hidden by the whiteout upper/deleted, and an opaque directory.
Status make_layers(const Layout& layout, int directory, bool userxattr) {
    for (const char* name : {"lower", "upper", "work", "lower/deleted", "upper/opaque"}) {
        TRY(make_directory(directory, name, 0755));
    }
    if (::mknodat(directory, "upper/deleted", S_IFCHR, makedev(0, 0)) != 0) {
        return fail(unusable(layout, errno_error("no whiteouts, mknod", "0:0").message));
    }
    TRY_ASSIGN(const auto opaque, open_directory_at(directory, "upper/opaque"));
    const char* mark = userxattr ? "user.overlay.opaque" : "trusted.overlay.opaque";
    if (::fsetxattr(opaque.get(), mark, "y", 1, 0) != 0) {
        return fail(unusable(layout, errno_error("no attributes, setxattr", mark).message));
    }
    return {};
}

Error bad_option(const std::string& option, std::string_view why) {
    return {ErrorCode::invalid_argument, 0, fmt::format("mount option '{}' {}", option, why)};
}

Status check_option(const std::string& option) {
    if (option.find(',') != std::string::npos) { // which separates options in mount(2)
        return fail(bad_option(option, "holds ',': give each option as a string of its own"));
    }
    if (option == "ro") {
        return fail(bad_option(option, "would make every container's files read-only"));
    }
    for (const std::string_view ours : {"upperdir=", "lowerdir=", "workdir="}) {
        if (option.starts_with(ours)) {
            return fail(bad_option(option, "is for the snapshotter to set"));
        }
    }
    return {};
}

Status set_option(int context, const char* key, const std::string& value) {
    if (::fsconfig(context, FSCONFIG_SET_STRING, key, value.c_str(), 0) != 0) {
        return fail(errno_error("fsconfig", key));
    }
    return {};
}

// "key=value" or a flag.
Status set_option(int context, const std::string& option) {
    const size_t equals = option.find('=');
    if (equals != std::string::npos) {
        return set_option(context, option.substr(0, equals).c_str(), option.substr(equals + 1));
    }
    if (::fsconfig(context, FSCONFIG_SET_FLAG, option.c_str(), nullptr, 0) != 0) {
        return fail(errno_error("fsconfig", option));
    }
    return {};
}

// What containerd passes to mount(2) as flags and overlayfs does not see (mount(8),
// "FILESYSTEM-INDEPENDENT MOUNT OPTIONS").
bool is_mount_flag(std::string_view option) {
    static constexpr auto kFlags = std::to_array<std::string_view>(
        {"async",       "atime",      "defaults",      "dev",    "diratime",   "dirsync",
         "exec",        "mand",       "noatime",       "nodev",  "nodiratime", "noexec",
         "nomand",      "norelatime", "nostrictatime", "nosuid", "relatime",   "rw",
         "strictatime", "suid",       "sync"});
    return std::ranges::find(kFlags, option) != kFlags.end();
}

// Mounts without a mount point: nothing of it stays when the process dies.
Result<Fd> mount_detached(const std::string& directory, const std::vector<std::string>& options) {
    const Fd context(::fsopen("overlay", FSOPEN_CLOEXEC));
    if (!context.valid()) {
        return fail(errno_error("fsopen", "overlay"));
    }
    TRY(set_option(context.get(), "lowerdir", directory + "/lower"));
    TRY(set_option(context.get(), "upperdir", directory + "/upper"));
    TRY(set_option(context.get(), "workdir", directory + "/work"));
    for (const auto& option : options) {
        if (!is_mount_flag(option)) {
            TRY(set_option(context.get(), option));
        }
    }
    if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
        return fail(errno_error("fsconfig", "create"));
    }
    Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
    if (!mount.valid()) {
        return fail(errno_error("fsmount", "overlay"));
    }
    return mount;
}

Status check_mount(const Layout& layout, const std::string& directory,
                   const std::vector<std::string>& options) {
    const auto mount = mount_detached(directory, options);
    if (!mount) {
        return fail(unusable(layout, mount.error().message));
    }
    if (::faccessat(mount->get(), "deleted", F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return fail(unusable(layout, "overlayfs does not honour whiteouts"));
    }
    return {};
}

// The same mount once more, so that it is the options when it fails.
Status check_options(const std::string& directory, std::vector<std::string> needed,
                     const std::vector<std::string>& mount_options) {
    needed.insert(needed.end(), mount_options.begin(), mount_options.end());
    if (const auto mount = mount_detached(directory, needed); !mount) {
        return fail(bad_option(fmt::format("{}", fmt::join(mount_options, ",")),
                               "is refused by overlayfs: " + mount.error().message));
    }
    return {};
}

Status check_in(const Layout& layout, const std::string& name, bool userxattr,
                const std::vector<std::string>& mount_options) {
    TRY_ASSIGN(const auto directory, open_directory_at(layout.staging(), name));
    TRY(make_layers(layout, directory.get(), userxattr));
    TRY(check_file_types(layout, directory.get()));
    const std::string path = layout.root() + "/staging/" + name;
    const std::vector<std::string> needed(userxattr ? 1 : 0, "userxattr");
    TRY(check_mount(layout, path, needed));
    return check_options(path, needed, mount_options);
}

} // namespace

bool kernel_has_index_option() {
    return ::access("/sys/module/overlay/parameters/index", F_OK) == 0;
}

Result<bool> needs_userxattr(const Layout& layout) {
    struct statfs status{};
    if (::fstatfs(layout.snapshots(), &status) != 0) {
        return fail(errno_error("fstatfs", layout.root()));
    }
    // user_namespaces(7): only the initial namespace maps every id to itself.
    constexpr uint64_t kAllIds = 4294967295;
    uint64_t inside = 0;
    uint64_t outside = 0;
    uint64_t count = 0;
    std::ifstream("/proc/self/uid_map") >> inside >> outside >> count;
    const bool initial = inside == 0 && outside == 0 && count == kAllIds;
    return !initial && status.f_type != TMPFS_MAGIC;
}

Status check_overlay_support(const Layout& layout, bool userxattr,
                             const std::vector<std::string>& mount_options) {
    for (const auto& option : mount_options) {
        TRY(check_option(option));
    }
    const std::string name = Layout::fresh_name("probe");
    TRY(make_directory(layout.staging(), name, 0700));
    auto checked = check_in(layout, name, userxattr, mount_options);
    auto removed = remove_tree(layout.staging(), name);
    return checked ? removed : checked;
}

} // namespace lamina
