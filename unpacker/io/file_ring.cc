// SPDX-License-Identifier: Apache-2.0
#include "unpacker/io/file_ring.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <liburing.h>

#include "unpacker/base/check.h"

namespace lamina {
namespace {

constexpr unsigned kRequestsPerFile = 3;

// io-wq threads that carry out the chains of one ring: one, since every writer of an unpack has a
// ring of its own, and all creates of one directory take its lock in turn anyway (kernel,
// Documentation/filesystems/directory-locking.rst). Left to itself the kernel starts up to four for
// each processor.
constexpr unsigned kWorkers = 1;

enum class Step : uint64_t { open, write, close };

uint64_t tag(size_t file, Step step) {
    return file << 2U | static_cast<uint64_t>(step);
}

std::string advice(int sys_errno) {
    switch (sys_errno) {
    case EPERM:
        return "forbidden: see sysctl kernel.io_uring_disabled, or a seccomp filter";
    case ENOSYS:
        return "this kernel has no io_uring, or a seccomp filter hides it";
    case ENOMEM:
        return "not enough lockable memory: raise RLIMIT_MEMLOCK";
    default:
        return "this kernel's io_uring is too old (5.17 is needed)";
    }
}

Error unavailable(std::string_view call, int sys_errno) {
    Error error = errno_error(call, "io_uring", sys_errno);
    error.message += fmt::format(" ({})", advice(sys_errno));
    error.code = ErrorCode::unavailable;
    return error;
}

} // namespace

struct FileRing::State {
    io_uring ring{};
    bool is_open = false;

    ~State() {
        if (is_open) {
            io_uring_queue_exit(&ring);
        }
    }

    // For a chain that broke between open and close. A failure leaves the file open until the slot
    // is used again.
    void close_slot(unsigned slot) {
        const int none = -1;
        (void)io_uring_register_files_update(&ring, slot, &none, 1);
    }

    io_uring_sqe* next() {
        io_uring_sqe* const sqe = io_uring_get_sqe(&ring);
        CHECK(sqe != nullptr); // the queue has room for all files in flight
        return sqe;
    }
};

FileRing::FileRing(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileRing::~FileRing() = default;

Result<std::unique_ptr<FileRing>> FileRing::open() {
    auto state = std::make_unique<State>();
    constexpr unsigned kEntries = 128; // the power of two over kRequestsPerFile * kFilesInFlight
    static_assert(kEntries >= kRequestsPerFile * kFilesInFlight);
    // DEFER_TASKRUN is left out: for requests that always go to io-wq it costs about 10 % (liburing
    // issue 830).
    if (const int code = io_uring_queue_init(kEntries, &state->ring, IORING_SETUP_COOP_TASKRUN);
        code < 0) {
        return fail(unavailable("io_uring_setup", -code));
    }
    state->is_open = true;
    if ((state->ring.features & IORING_FEAT_CQE_SKIP) == 0) {
        return fail(unavailable("io_uring_setup", EINVAL));
    }
    if (const int code = io_uring_register_files_sparse(&state->ring, kFilesInFlight); code < 0) {
        return fail(unavailable("io_uring_register", -code));
    }
    std::array<unsigned, 2> workers{kWorkers, kWorkers};
    if (const int code = io_uring_register_iowq_max_workers(&state->ring, workers.data());
        code < 0) {
        return fail(unavailable("io_uring_register", -code));
    }
    return std::unique_ptr<FileRing>(new FileRing(std::move(state)));
}

Status FileRing::create(std::span<RingFile> files) {
    while (!files.empty()) {
        const size_t count = std::min<size_t>(files.size(), kFilesInFlight);
        TRY(create_some(files.first(count)));
        files = files.subspan(count);
    }
    return {};
}

// Prepares the chain of one file. Its slot in the ring's table is its index.
void FileRing::prepare(const RingFile& file, unsigned index) {
    io_uring_sqe* sqe = state_->next();
    io_uring_prep_openat_direct(sqe, file.directory, file.name,
                                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, file.mode, index);
    io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data64(sqe, tag(index, Step::open));
    if (!file.bytes.empty()) {
        sqe = state_->next();
        io_uring_prep_writev(sqe, static_cast<int>(index), file.bytes.data(),
                             static_cast<unsigned>(file.bytes.size()), 0);
        io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK | IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS);
        io_uring_sqe_set_data64(sqe, tag(index, Step::write));
    }
    sqe = state_->next();
    io_uring_prep_close_direct(sqe, index);
    io_uring_sqe_set_data64(sqe, tag(index, Step::close));
}

Status FileRing::create_some(std::span<RingFile> files) {
    for (size_t i = 0; i < files.size(); ++i) {
        prepare(files[i], static_cast<unsigned>(i));
    }
    const unsigned prepared = io_uring_sq_ready(&state_->ring);
    const auto wanted = static_cast<unsigned>(files.size());
    int submitted = -EINTR;
    while (submitted == -EINTR) {
        submitted = io_uring_submit_and_wait(&state_->ring, wanted);
    }
    // Short of memory the kernel may take a part only, and cut a chain in its middle.
    if (submitted != static_cast<int>(prepared)) {
        return give_up(submitted < 0 ? -submitted : EAGAIN);
    }
    return reap(files);
}

// Exactly one completion comes per chain: that of the close, or of the first request that failed,
// since a failed request that was to be silent on success silences what is linked to it
// (io_uring.c, req_set_fail and io_fail_links).
Status FileRing::reap(std::span<RingFile> files) {
    for (size_t outstanding = files.size(); outstanding > 0; --outstanding) {
        io_uring_cqe* cqe = nullptr;
        int code = -EINTR;
        while (code == -EINTR) {
            code = io_uring_wait_cqe(&state_->ring, &cqe);
        }
        if (code < 0) {
            return give_up(-code);
        }
        const uint64_t data = io_uring_cqe_get_data64(cqe);
        const int result = cqe->res;
        io_uring_cqe_seen(&state_->ring, cqe);
        if (data >> 2U >= files.size()) {
            return give_up(EIO);
        }
        RingFile& file = files[data >> 2U];
        file.sys_errno = result < 0 ? -result : 0;
        if (static_cast<Step>(data & 3U) == Step::write) {
            // A short write breaks the chain without an error of its own.
            file.sys_errno = result >= 0 ? EAGAIN : file.sys_errno;
            state_->close_slot(static_cast<unsigned>(data >> 2U));
        }
    }
    return {};
}

// Waits until nothing of the ring runs any more: what it would write to and from is the caller's.
Status FileRing::give_up(int sys_errno) {
    io_uring_sync_cancel_reg all{};
    all.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
    all.timeout.tv_sec = -1; // no timeout
    all.timeout.tv_nsec = -1;
    while (io_uring_register_sync_cancel(&state_->ring, &all) == -EINTR) {
    }
    return fail(unavailable("io_uring_enter", sys_errno));
}

} // namespace lamina
