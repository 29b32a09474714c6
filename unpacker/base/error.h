// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace lamina {

// The kinds of failure. The values are those of gRPC's status codes and the names those of
// containerd's errdefs, so that the service folder translates by a cast that it proves with
// static_assert.
enum class ErrorCode {
    canceled = 1,
    unknown = 2,
    invalid_argument = 3,
    deadline_exceeded = 4,
    not_found = 5,
    already_exists = 6,
    permission_denied = 7,
    resource_exhausted = 8,
    failed_precondition = 9,
    aborted = 10,
    out_of_range = 11,
    unimplemented = 12,
    internal = 13,
    unavailable = 14,
    data_loss = 15,
};

// A failure as a value. `message` names the call or rule, the object and the reason; `sys_errno`
// is 0 unless a system call failed.
struct Error {
    ErrorCode code = ErrorCode::unknown;
    int sys_errno = 0;
    std::string message;
};

// The only place where errno becomes an Error: "openat usr/lib: Too many open files".
[[nodiscard]] Error errno_error(std::string_view call, std::string_view object, int sys_errno);

// Same with the calling thread's errno.
[[nodiscard]] Error errno_error(std::string_view call, std::string_view object);

// Puts "context: " before the message.
[[nodiscard]] Error with_context(std::string_view context, Error error);

} // namespace lamina
