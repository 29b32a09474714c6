// SPDX-License-Identifier: Apache-2.0
#include "unpacker/image/layout_place.h"

#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/tree/remove_tree.h"

namespace lamina {

Result<std::unique_ptr<LayoutPlace>> LayoutPlace::create(const std::string& path, ImageForm form) {
    auto place = form == ImageForm::oci_directory ? make_directory_place() : make_archive_place();
    TRY(place->open(path, form));
    TRY(place->prepare());
    return place;
}

LayoutPlace::~LayoutPlace() {
    if (!temporary_.empty()) {
        (void)remove_tree(parent_.get(), temporary_);
    }
}

Status LayoutPlace::publish() {
    TRY(rename_into_place());
    return ::fsync(parent_.get()) == 0
               ? Status{}
               : fail(errno_error("fsync", fmt::format("directory of {}", name_)));
}

Status LayoutPlace::open(const std::string& path, ImageForm form) {
    const std::string trimmed = path.substr(0, path.find_last_not_of('/') + 1);
    const size_t slash = trimmed.rfind('/');
    const std::string parent = slash == std::string::npos ? "." : trimmed.substr(0, slash + 1);
    form_ = form;
    name_ = trimmed.substr(slash == std::string::npos ? 0 : slash + 1);
    if (name_.empty() || name_ == "." || name_ == "..") {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("\"{}\" is no name for an image", path));
    }
    TRY_ASSIGN(parent_, open_file(parent, O_RDONLY | O_DIRECTORY));
    struct stat status{};
    const bool is_there =
        ::fstatat(parent_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there && (form == ImageForm::oci_directory || S_ISDIR(status.st_mode))) {
        return fail(ErrorCode::already_exists, fmt::format("{} exists", path));
    }
    std::string temporary = fmt::format("{}/.{}.XXXXXX", parent, name_);
    if (::mkdtemp(temporary.data()) == nullptr) {
        return fail(errno_error("mkdtemp", temporary));
    }
    temporary_ = temporary.substr(parent.size() + 1);
    TRY_ASSIGN(root_, open_directory_at(parent_.get(), temporary_));
    return {};
}

} // namespace lamina
