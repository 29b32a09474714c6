// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "snapshotter/service/status.h"

namespace lamina {
namespace {

std::string sent(const std::string& message) {
    return to_grpc(Error{ErrorCode::failed_precondition, 0, message}).error_message();
}

TEST(StatusToGrpc, EveryCodeSurvivesTheWayThereAndBack) {
    for (int code = 1; code <= 15; ++code) {
        Error error{static_cast<ErrorCode>(code), 0, "message"};
        grpc::Status wire = to_grpc(error);
        EXPECT_EQ(static_cast<int>(wire.error_code()), code);
        Status back = from_grpc(wire);
        ASSERT_FALSE(back);
        EXPECT_EQ(back.error().code, error.code);
        EXPECT_EQ(back.error().message, "message");
    }
}

TEST(StatusToGrpc, SuccessIsOkBothWays) {
    EXPECT_TRUE(to_grpc(Status()).ok());
    EXPECT_TRUE(from_grpc(grpc::Status::OK));
}

TEST(StatusToGrpc, UnauthenticatedHasNoCodeOfOursAndBecomesUnknown) {
    Status back = from_grpc({grpc::UNAUTHENTICATED, "who?"});
    ASSERT_FALSE(back);
    EXPECT_EQ(back.error().code, ErrorCode::unknown);
}

TEST(StatusToGrpc, ClassTextsOfContainerdAreCutFromTheEnd) {
    EXPECT_EQ(sent("content sha256:12: not found"), "content sha256:12");
    EXPECT_EQ(sent("ref locked: conflict"), "ref locked");
    EXPECT_EQ(sent("a: unavailable: not found"), "a");
}

TEST(StatusToGrpc, ClassTextsElsewhereStay) {
    EXPECT_EQ(sent("parent \"a\" not found"), "parent \"a\" not found");
    EXPECT_EQ(sent("not found: a"), "not found: a");
    EXPECT_EQ(sent("not found"), "not found");
}

TEST(StatusToGrpc, OverlongMessagesAreCut) {
    EXPECT_EQ(sent(std::string(100000, 'x')), std::string(2048, 'x'));
}

} // namespace
} // namespace lamina
