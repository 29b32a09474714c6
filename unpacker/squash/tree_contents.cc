// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/tree_contents.h"

#include <cerrno>

#include <unistd.h>

#include "unpacker/base/fd.h"
#include "unpacker/index/overlay_xattrs.h"
#include "unpacker/tree/xattrs.h"

namespace lamina {
namespace {

class OpenFile final : public ByteSource {
  public:
    explicit OpenFile(Fd file) : file_(std::move(file)) {}

    Result<size_t> read(std::span<std::byte> buffer) override {
        ssize_t got = -1;
        do {
            got = ::read(file_.get(), buffer.data(), buffer.size());
        } while (got < 0 && errno == EINTR);
        return got < 0 ? fail(errno_error("read", "file"))
                       : Result<size_t>(static_cast<size_t>(got));
    }

  private:
    Fd file_;
};

} // namespace

Result<Xattrs> TreeContents::xattrs_of(const MergedEntry& merged) {
    TRY_ASSIGN(const NameAt at, trees_.find(merged));
    TRY_ASSIGN(XattrMap all, read_xattrs_at(at.directory, at.name));
    std::erase_if(all, [](const auto& xattr) {
        return is_overlay_mark(OverlayXattrs::trusted, xattr.first) || is_host_label(xattr.first);
    });
    return Xattrs(all.begin(), all.end());
}

Result<std::unique_ptr<ByteSource>> TreeContents::open(const MergedEntry& file) {
    TRY_ASSIGN(Fd opened, trees_.open_entry(file));
    return std::make_unique<OpenFile>(std::move(opened));
}

} // namespace lamina
