// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <sys/types.h>
#include <sys/uio.h>

#include "unpacker/base/result.h"

namespace lamina {

// A small file to be made, and what became of it.
struct RingFile {
    int directory = -1;           // borrowed until create() returns
    const char* name = nullptr;   // same
    mode_t mode = 0;              // before the thread's umask
    std::span<const iovec> bytes; // same; all of the content, may be empty
    int sys_errno = 0;            // result: 0, or why the file is not (completely) there
};

// An io_uring that creates small files: open, write and close of each file are one chain of linked
// requests on a descriptor that exists in the ring alone, so that many files cost one system call.
//
// Every create is carried out by the kernel's worker threads (io_uring/openclose.c, io_uring/rw.c:
// O_CREAT and buffered writes on ext4 are always handed to io-wq); their number is bounded here.
//
// For one thread, the one that opens it.
class FileRing {
  public:
    // Chains in flight at once; more wait for these. A file needs three entries of the queue.
    static constexpr unsigned kFilesInFlight = 32;

    // Unavailable, with advice for the operator, where the kernel, its settings or a seccomp filter
    // forbid io_uring or lack what is needed (Linux 5.17).
    static Result<std::unique_ptr<FileRing>> open();
    ~FileRing();
    FileRing(const FileRing&) = delete;
    FileRing& operator=(const FileRing&) = delete;

    // Makes all of `files` and waits for them; each tells its own outcome. A file whose chain broke
    // may be there without its content; the caller removes or completes it. An error is one of the
    // ring itself: nothing is in flight any more, any of the files may be there or not, and the
    // ring must not be used again.
    Status create(std::span<RingFile> files);

  private:
    struct State;
    explicit FileRing(std::unique_ptr<State> state);
    Status create_some(std::span<RingFile> files);
    void prepare(const RingFile& file, unsigned index);
    Status reap(std::span<RingFile> files);
    Status give_up(int sys_errno);

    std::unique_ptr<State> state_;
};

} // namespace lamina
