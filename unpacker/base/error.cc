// SPDX-License-Identifier: Apache-2.0
#include "unpacker/base/error.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace lamina {
namespace {

ErrorCode code_of_errno(int sys_errno) {
    switch (sys_errno) {
    case ENOENT:
        return ErrorCode::not_found;
    case EEXIST:
        return ErrorCode::already_exists;
    case EACCES:
    case EPERM:
        return ErrorCode::permission_denied;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case ENOTDIR:
    case EISDIR:
        return ErrorCode::invalid_argument;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EMLINK:
        return ErrorCode::resource_exhausted;
    case ENOSYS:
    case EOPNOTSUPP:
        return ErrorCode::unimplemented;
    case ECANCELED:
        return ErrorCode::canceled;
    case ETIMEDOUT:
        return ErrorCode::deadline_exceeded;
    case EIO:
        return ErrorCode::data_loss;
    default:
        return ErrorCode::unknown;
    }
}

} // namespace

Error errno_error(std::string_view call, std::string_view object, int sys_errno) {
    return {code_of_errno(sys_errno), sys_errno,
            fmt::format("{} {}: {}", call, object, std::generic_category().message(sys_errno))};
}

Error errno_error(std::string_view call, std::string_view object) {
    return errno_error(call, object, errno);
}

Error with_context(std::string_view context, Error error) {
    error.message = fmt::format("{}: {}", context, error.message);
    return error;
}

} // namespace lamina
