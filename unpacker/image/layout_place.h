// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "unpacker/base/digest.h"
#include "unpacker/base/fd.h"
#include "unpacker/image/image_files.h"
#include "unpacker/image/image_source.h"

namespace lamina {

// Where a LayoutWriter puts the files of an image: into a private directory beside the place where
// the image will be, which is removed with this unless the image was published.
class LayoutPlace {
  public:
    static Result<std::unique_ptr<LayoutPlace>> create(const std::string& path, ImageForm form);
    virtual ~LayoutPlace();
    LayoutPlace(const LayoutPlace&) = delete;
    LayoutPlace& operator=(const LayoutPlace&) = delete;

    [[nodiscard]] ImageForm form() const { return form_; }

    // A descriptor, borrowed or not, whose position is where the next blob's content goes. One blob
    // at a time.
    virtual Result<std::shared_ptr<const Fd>> start_blob() = 0;
    // Of the blob that was started last, and has been written.
    virtual Status keep_blob(const Digest& digest, uint64_t size_bytes) = 0;
    virtual Result<FileExtent> open_blob(const Digest& digest) const = 0;

    // A file outside of blobs/.
    virtual Status write_file(const std::string& name, const std::string& bytes) = 0;

    // Brings all to the disk, gives it its name, and brings that to the disk. If only the last
    // fails, the image is there under its name.
    Status publish();

  protected:
    LayoutPlace() = default;

    [[nodiscard]] int parent() const { return parent_.get(); }
    [[nodiscard]] const std::string& name() const { return name_; } // in parent()
    [[nodiscard]] int root() const { return root_.get(); }          // the private directory
    [[nodiscard]] const std::string& temporary() const { return temporary_; } // its name
    void forget_temporary() { temporary_.clear(); }                           // it was renamed

  private:
    Status open(const std::string& path, ImageForm form);
    virtual Status prepare() = 0;
    // All but the last step of publish().
    virtual Status rename_into_place() = 0;

    ImageForm form_ = ImageForm::oci_directory;
    Fd parent_;
    std::string name_;
    std::string temporary_;
    Fd root_;
};

// The two kinds.
[[nodiscard]] std::unique_ptr<LayoutPlace> make_directory_place();
[[nodiscard]] std::unique_ptr<LayoutPlace> make_archive_place();

inline constexpr unsigned kLayoutFileMode = 0644;

} // namespace lamina
