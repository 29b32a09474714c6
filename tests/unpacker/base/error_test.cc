// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <gtest/gtest.h>

#include "unpacker/base/error.h"
#include "unpacker/base/first_error.h"
#include "unpacker/base/result.h"

namespace lamina {
namespace {

TEST(Error, OfErrnoNamesTheCallTheObjectAndTheReason) {
    const Error error = errno_error("openat", "usr/lib", EMFILE);
    EXPECT_EQ(error.code, ErrorCode::resource_exhausted);
    EXPECT_EQ(error.sys_errno, EMFILE);
    EXPECT_EQ(error.message, "openat usr/lib: Too many open files");
}

TEST(Error, OfErrnoHasTheKindThatCallersActOn) {
    EXPECT_EQ(errno_error("c", "o", ENOENT).code, ErrorCode::not_found);
    EXPECT_EQ(errno_error("c", "o", EEXIST).code, ErrorCode::already_exists);
    EXPECT_EQ(errno_error("c", "o", EACCES).code, ErrorCode::permission_denied);
    EXPECT_EQ(errno_error("c", "o", ENOSPC).code, ErrorCode::resource_exhausted);
    EXPECT_EQ(errno_error("c", "o", EIO).code, ErrorCode::data_loss);
    EXPECT_EQ(errno_error("c", "o", ENOTTY).code, ErrorCode::unknown);
}

TEST(Error, WithContextKeepsKindAndErrno) {
    const Error error = with_context("etc/hosts", errno_error("fchmod", "hosts", EPERM));
    EXPECT_EQ(error.code, ErrorCode::permission_denied);
    EXPECT_EQ(error.sys_errno, EPERM);
    EXPECT_EQ(error.message, "etc/hosts: fchmod hosts: Operation not permitted");
}

Result<int> half(int value) {
    if (value % 2 != 0) {
        return fail(ErrorCode::invalid_argument, "odd");
    }
    return value / 2;
}

Result<int> quarter(int value) {
    TRY_ASSIGN(const int once, half(value));
    TRY(half(once));
    return half(once);
}

TEST(Result, TryReturnsTheErrorAndKeepsTheValue) {
    EXPECT_EQ(quarter(8), 2);
    ASSERT_FALSE(quarter(6));
    EXPECT_EQ(quarter(6).error().message, "odd");
}

TEST(FirstError, KeepsTheFirst) {
    FirstError errors;
    EXPECT_TRUE(errors.status());
    EXPECT_TRUE(errors.set({ErrorCode::internal, 0, "first"}));
    EXPECT_FALSE(errors.set({ErrorCode::unknown, 0, "second"}));
    ASSERT_FALSE(errors.status());
    EXPECT_EQ(errors.status().error().message, "first");
}

} // namespace
} // namespace lamina
