// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/base/file_sink.h"
#include "unpacker/image/layout_place.h"

namespace lamina {
namespace {

constexpr const char* kBlobs = "blobs/sha256";
constexpr const char* kNewBlob = ".new";
constexpr mode_t kDirectoryMode = 0755;

Status make_directory_at(int directory, const char* name) {
    return ::mkdirat(directory, name, kDirectoryMode) == 0 ? Status{}
                                                           : fail(errno_error("mkdir", name));
}

Status sync_file(int file, const std::string& name) {
    return ::fsync(file) == 0 ? Status{} : fail(errno_error("fsync", name));
}

class DirectoryPlace final : public LayoutPlace {
  public:
    Result<std::shared_ptr<const Fd>> start_blob() override {
        TRY_ASSIGN(Fd file, open_at(blobs_.get(), kNewBlob, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW,
                                    kLayoutFileMode));
        new_blob_ = std::make_shared<const Fd>(std::move(file));
        return new_blob_;
    }

    Status keep_blob(const Digest& digest, uint64_t /*size_bytes*/) override {
        const std::string name(digest.hex());
        if (::renameat(blobs_.get(), kNewBlob, blobs_.get(), name.c_str()) != 0) {
            return fail(errno_error("rename", name));
        }
        // On its way to the disk while the rest is made; publish() waits for it.
        (void)::sync_file_range(new_blob_->get(), 0, 0, SYNC_FILE_RANGE_WRITE);
        names_.push_back(name);
        return {};
    }

    Result<FileExtent> open_blob(const Digest& digest) const override {
        const std::string name(digest.hex());
        TRY_ASSIGN(Fd file, open_at(blobs_.get(), name, O_RDONLY | O_NOFOLLOW));
        struct stat status{};
        if (::fstat(file.get(), &status) != 0) {
            return fail(errno_error("stat", name));
        }
        return FileExtent(std::make_shared<const Fd>(std::move(file)), 0,
                          static_cast<uint64_t>(status.st_size));
    }

    Status write_file(const std::string& name, const std::string& bytes) override {
        TRY_ASSIGN(const Fd file,
                   open_at(root(), name, O_WRONLY | O_CREAT | O_EXCL, kLayoutFileMode));
        FileSink sink(file.get(), name);
        TRY(sink.write(std::as_bytes(std::span(bytes))));
        TRY(sink.finish());
        return sync_file(file.get(), name);
    }

  private:
    Status prepare() override {
        TRY(make_directory_at(root(), "blobs"));
        TRY(make_directory_at(root(), kBlobs));
        TRY_ASSIGN(blobs_, open_directory_at(root(), kBlobs));
        return {};
    }

    // File by file: a syncfs(2) would wait for everything else that was unpacked here.
    Status rename_into_place() override {
        for (const std::string& name : names_) {
            TRY_ASSIGN(const Fd file, open_at(blobs_.get(), name, O_RDONLY | O_NOFOLLOW));
            TRY(sync_file(file.get(), name));
        }
        if (::fchmod(root(), kDirectoryMode) != 0) {
            return fail(errno_error("chmod", name()));
        }
        TRY_ASSIGN(const Fd above, open_directory_at(root(), "blobs"));
        for (const int directory : {blobs_.get(), above.get(), root()}) {
            TRY(sync_file(directory, name()));
        }
        if (::renameat2(parent(), temporary().c_str(), parent(), name().c_str(),
                        RENAME_NOREPLACE) != 0) {
            return fail(errno_error("rename", name()));
        }
        forget_temporary();
        return {};
    }

    Fd blobs_;
    std::shared_ptr<const Fd> new_blob_;
    std::vector<std::string> names_;
};

} // namespace

std::unique_ptr<LayoutPlace> make_directory_place() {
    return std::make_unique<DirectoryPlace>();
}

} // namespace lamina
