// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/status.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace lamina {
namespace {

constexpr bool same(ErrorCode ours, grpc::StatusCode theirs) {
    return static_cast<int>(ours) == static_cast<int>(theirs);
}
static_assert(same(ErrorCode::canceled, grpc::CANCELLED));
static_assert(same(ErrorCode::unknown, grpc::UNKNOWN));
static_assert(same(ErrorCode::invalid_argument, grpc::INVALID_ARGUMENT));
static_assert(same(ErrorCode::deadline_exceeded, grpc::DEADLINE_EXCEEDED));
static_assert(same(ErrorCode::not_found, grpc::NOT_FOUND));
static_assert(same(ErrorCode::already_exists, grpc::ALREADY_EXISTS));
static_assert(same(ErrorCode::permission_denied, grpc::PERMISSION_DENIED));
static_assert(same(ErrorCode::resource_exhausted, grpc::RESOURCE_EXHAUSTED));
static_assert(same(ErrorCode::failed_precondition, grpc::FAILED_PRECONDITION));
static_assert(same(ErrorCode::aborted, grpc::ABORTED));
static_assert(same(ErrorCode::out_of_range, grpc::OUT_OF_RANGE));
static_assert(same(ErrorCode::unimplemented, grpc::UNIMPLEMENTED));
static_assert(same(ErrorCode::internal, grpc::INTERNAL));
static_assert(same(ErrorCode::unavailable, grpc::UNAVAILABLE));
static_assert(same(ErrorCode::data_loss, grpc::DATA_LOSS));

// The texts of containerd's error classes (errdefs: errors.go).
constexpr std::array<std::string_view, 17> kClassTexts{"unknown",
                                                       "invalid argument",
                                                       "not found",
                                                       "already exists",
                                                       "permission denied",
                                                       "resource exhausted",
                                                       "failed precondition",
                                                       "conflict",
                                                       "not modified",
                                                       "aborted",
                                                       "out of range",
                                                       "not implemented",
                                                       "internal",
                                                       "unavailable",
                                                       "data loss",
                                                       "unauthenticated",
                                                       "context canceled"};

// Messages travel in a header, each byte outside of ASCII as three, and gRPC's clients refuse
// more than 8 KiB of headers.
constexpr size_t kMaxMessage = 2048;

std::string_view without_class_text(std::string_view message) {
    for (std::string_view text : kClassTexts) {
        if (message.ends_with(text)) {
            std::string_view head = message.substr(0, message.size() - text.size());
            if (head.ends_with(": ")) {
                return without_class_text(head.substr(0, head.size() - 2));
            }
        }
    }
    return message;
}

} // namespace

grpc::Status to_grpc(const Error& error) {
    std::string_view message = without_class_text(error.message).substr(0, kMaxMessage);
    return {static_cast<grpc::StatusCode>(error.code), std::string(message)};
}

grpc::Status to_grpc(const Status& status) {
    return status ? grpc::Status::OK : to_grpc(status.error());
}

Status from_grpc(const grpc::Status& status) {
    if (status.ok()) {
        return {};
    }
    // UNAUTHENTICATED is the one code that ErrorCode leaves out: nobody asks for credentials here.
    bool known = status.error_code() <= grpc::DATA_LOSS;
    return fail(known ? static_cast<ErrorCode>(status.error_code()) : ErrorCode::unknown,
                status.error_message());
}

} // namespace lamina
