// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/loop_filesystem.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/process.h"
#include "unpacker/base/fd.h"

namespace lamina::test {
namespace {

constexpr off_t kImageBytes = off_t{512} << 20; // sparse; mkfs.xfs asks for 300 MiB

std::string with_errno(const std::string& what) {
    return what + ": " + std::strerror(errno);
}

} // namespace

std::string enter_private_mounts() {
    static const std::string kRefused = []() -> std::string {
        if (::unshare(CLONE_NEWNS) != 0) {
            return with_errno("unshare(CLONE_NEWNS)");
        }
        if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
            return with_errno("mount --make-rprivate /");
        }
        return {};
    }();
    return kRefused;
}

LoopFilesystem::LoopFilesystem(const std::string& type) {
    const std::string mkfs = "mkfs." + type;
    if (!has_program(mkfs)) {
        missing_ = mkfs;
        return;
    }
    make(type);
}

void LoopFilesystem::make(const std::string& type) {
    const std::string image = directory_ / "image";
    const auto file = open_file(image, O_RDWR | O_CREAT, 0600);
    if (!file || ::ftruncate(file->get(), kImageBytes) != 0 || ::mkdir(path().c_str(), 0755) != 0) {
        missing_ = with_errno(image);
        return;
    }
    if (run({"mkfs." + type, "-q", image}) != 0) {
        missing_ = "mkfs." + type + " that works";
        return;
    }
    // mount(8) makes the loop device let go of the image at the unmount.
    if (run({"mount", "-o", "loop", image, path()}) != 0) {
        missing_ = "loop mounts of " + type;
    }
}

LoopFilesystem::~LoopFilesystem() {
    if (missing_.empty()) {
        ::umount2(path().c_str(), MNT_DETACH);
    }
}

} // namespace lamina::test
