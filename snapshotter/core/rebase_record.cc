// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/rebase_record.h"

#include <array>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#include "unpacker/base/fd.h"

namespace lamina {
namespace {

constexpr size_t kReadBytes = 64 * 1024; // most records are a few hundred bytes

// In snapshots/.
std::string record_of(SnapshotId id) {
    return std::to_string(id) + "/rebase";
}

Status write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(file, text.data(), text.size());
        if (written < 0 && errno != EINTR) {
            return fail(errno_error("write", "rebase record"));
        }
        text.remove_prefix(written > 0 ? static_cast<size_t>(written) : 0);
    }
    return {};
}

Result<std::string> read_all(int file) {
    std::string text;
    std::array<char, kReadBytes> piece{};
    while (true) {
        const ssize_t got = ::read(file, piece.data(), piece.size());
        if (got == 0) {
            return text;
        }
        if (got < 0 && errno != EINTR) {
            return fail(errno_error("read", "rebase record"));
        }
        text.append(piece.data(), got > 0 ? static_cast<size_t>(got) : 0);
    }
}

} // namespace

// By rename, so that the process may end at any time and leave all of it or nothing.
Status store_rebase_record(const Layout& layout, SnapshotId id, const RebaseWork& work) {
    const std::string fresh = Layout::fresh_name("rebase");
    TRY_ASSIGN(Fd file,
               open_at(layout.staging(), fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    auto stored = write_all(file.get(), work.text());
    if (stored) {
        stored = file.close();
    }
    if (stored && ::renameat(layout.staging(), fresh.c_str(), layout.snapshots(),
                             record_of(id).c_str()) != 0) {
        stored = fail(errno_error("rename", record_of(id)));
    }
    if (!stored) {
        (void)::unlinkat(layout.staging(), fresh.c_str(), 0); // else the next start takes it
    }
    return stored;
}

Result<RebaseWork> load_rebase_record(const Layout& layout, SnapshotId id) {
    const auto file = open_at(layout.snapshots(), record_of(id), O_RDONLY | O_NOFOLLOW);
    if (!file && file.error().sys_errno == ENOENT) {
        return RebaseWork();
    }
    if (!file) {
        return fail(file.error());
    }
    TRY_ASSIGN(const std::string text, read_all(file->get()));
    return RebaseWork::parse(text);
}

Status remove_rebase_record(const Layout& layout, SnapshotId id) {
    if (::unlinkat(layout.snapshots(), record_of(id).c_str(), 0) != 0 && errno != ENOENT) {
        return fail(errno_error("unlink", record_of(id)));
    }
    return {};
}

} // namespace lamina
