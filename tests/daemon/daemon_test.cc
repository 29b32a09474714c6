// SPDX-License-Identifier: Apache-2.0
// The running containerd-lamina-grpc, seen from outside.
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/diff.grpc.pb.h"
#include "proto/snapshots.grpc.pb.h"
#include "snapshotter/daemon/socket.h"
#include "tests/daemon/daemon_process.h"
#include "tests/service/fake_content.h"

namespace lamina {
namespace {

namespace snapshots_api = containerd::services::snapshots::v1;
namespace diff_api = containerd::services::diff::v1;
using test::Daemon;
using test::Process;
using ::testing::HasSubstr;
using ::testing::StartsWith;

mode_t mode_of(const std::string& path) {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777u : 0;
}

grpc::Status prepare(const Daemon& daemon, const std::string& key,
                     snapshots_api::PrepareSnapshotResponse* reply) {
    auto stub = snapshots_api::Snapshots::NewStub(daemon.connect());
    grpc::ClientContext context;
    snapshots_api::PrepareSnapshotRequest request;
    request.set_key(key);
    return stub->Prepare(&context, request, reply);
}

bool has_snapshot(const Daemon& daemon, const std::string& key) {
    auto stub = snapshots_api::Snapshots::NewStub(daemon.connect());
    grpc::ClientContext context;
    snapshots_api::StatSnapshotRequest request;
    request.set_key(key);
    snapshots_api::StatSnapshotResponse reply;
    return stub->Stat(&context, request, &reply).ok();
}

// grpc.health.v1 by hand: an empty request, and the field `status` = 1 (SERVING) in the reply.
bool is_healthy(const Daemon& daemon) {
    grpc::GenericStub stub(daemon.connect());
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                      grpc::ByteBuffer(nullptr, 0), &queue);
    call->StartCall();
    grpc::ByteBuffer reply;
    grpc::Status status;
    call->Finish(&reply, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    grpc::Slice bytes;
    return status.ok() && reply.DumpToSingleSlice(&bytes).ok() && bytes.size() == 2 &&
           std::memcmp(bytes.begin(), "\x08\x01", 2) == 0;
}

TEST(Daemon, ServesWhenItSaysReady) {
    Daemon daemon;
    daemon.start();
    snapshots_api::PrepareSnapshotResponse reply;
    EXPECT_TRUE(prepare(daemon, "default/1/a", &reply).ok());
    EXPECT_TRUE(has_snapshot(daemon, "default/1/a"));
}

TEST(Daemon, AnswersHealthChecks) {
    Daemon daemon;
    daemon.start();
    EXPECT_TRUE(is_healthy(daemon));
}

TEST(Daemon, SocketAndStateAreForRootAlone) {
    Daemon daemon;
    daemon.spawn({}, [] { ::umask(0); });
    ASSERT_THAT(daemon.manager().next(), StartsWith("READY=1"));
    EXPECT_EQ(mode_of(daemon.address()), 0600u);
    EXPECT_EQ(mode_of(std::filesystem::path(daemon.address()).parent_path()), 0700u);
    EXPECT_EQ(mode_of(daemon.root()), 0700u);
}

TEST(Daemon, TerminatesCleanly) {
    for (int signal : {SIGTERM, SIGINT}) {
        Daemon daemon;
        daemon.start();
        daemon.process().signal(signal);
        EXPECT_THAT(daemon.manager().next(), StartsWith("STOPPING=1"));
        EXPECT_EQ(daemon.process().wait(), 0);
        EXPECT_FALSE(std::filesystem::exists(daemon.address()));
    }
}

TEST(Daemon, ServesAgainAfterSigkill) {
    Daemon daemon;
    daemon.start();
    snapshots_api::PrepareSnapshotResponse reply;
    ASSERT_TRUE(prepare(daemon, "default/1/a", &reply).ok());
    daemon.process().signal(SIGKILL);
    ASSERT_EQ(daemon.process().wait(), -SIGKILL);
    ASSERT_TRUE(std::filesystem::exists(daemon.address()));

    daemon.start();
    EXPECT_TRUE(has_snapshot(daemon, "default/1/a"));
}

TEST(Daemon, RefusesTheSocketOfALivingDaemon) {
    Daemon first;
    first.start();
    Daemon second;
    Process& process = second.spawn({"--address", first.address()});
    EXPECT_EQ(process.wait(), 1);
    EXPECT_THAT(process.standard_error(), HasSubstr("another process listens on"));
    EXPECT_TRUE(is_healthy(first));
}

TEST(Daemon, RefusesTheRootOfALivingDaemon) {
    Daemon first;
    first.start();
    Daemon second;
    Process& process = second.spawn({"--root", first.root()});
    EXPECT_EQ(process.wait(), 1);
    EXPECT_THAT(process.standard_error(), HasSubstr(first.root()));
    EXPECT_FALSE(std::filesystem::exists(second.address()));
    EXPECT_TRUE(is_healthy(first));
}

TEST(Daemon, RefusesAnAddressThatIsNoSocket) {
    Daemon daemon;
    Process& process = daemon.spawn({"--address", daemon.config_file()});
    EXPECT_EQ(process.wait(), 1);
    EXPECT_THAT(process.standard_error(), HasSubstr("is not a socket"));
    EXPECT_TRUE(std::filesystem::exists(daemon.config_file()));
}

TEST(Daemon, ServesOnTheSocketThatItWasHanded) {
    Daemon daemon;
    auto listener = listen_at(daemon.address());
    ASSERT_TRUE(listener) << listener.error().message;
    daemon.spawn({}, [&] {
        // As a service manager does between fork and exec, sd_listen_fds(3).
        ::dup2(listener->get(), 3);
        ::setenv("LISTEN_FDS", "1", 1);
        ::setenv("LISTEN_PID", fmt::format("{}", ::getpid()).c_str(), 1);
    });
    ASSERT_THAT(daemon.manager().next(), StartsWith("READY=1"));
    EXPECT_TRUE(is_healthy(daemon));

    daemon.process().signal(SIGTERM);
    EXPECT_EQ(daemon.process().wait(), 0);
    EXPECT_TRUE(std::filesystem::exists(daemon.address())) << "the socket is the manager's";
}

TEST(Daemon, IgnoresASocketThatWasHandedToAnother) {
    Daemon daemon;
    daemon.spawn({}, [] {
        ::setenv("LISTEN_FDS", "1", 1);
        ::setenv("LISTEN_PID", "1", 1);
    });
    ASSERT_THAT(daemon.manager().next(), StartsWith("READY=1"));
    EXPECT_TRUE(is_healthy(daemon));
}

TEST(Daemon, RefusesADescriptorThatIsNoListeningSocket) {
    Daemon daemon;
    Process& process = daemon.spawn({}, [] {
        ::dup2(STDERR_FILENO, 3);
        ::setenv("LISTEN_FDS", "1", 1);
        ::setenv("LISTEN_PID", fmt::format("{}", ::getpid()).c_str(), 1);
    });
    EXPECT_EQ(process.wait(), 1);
    EXPECT_THAT(process.standard_error(), HasSubstr("socket activation"));
}

TEST(Daemon, IsActivatedBySystemdsOwnTool) {
    if (::access("/usr/bin/systemd-socket-activate", X_OK) != 0) {
        GTEST_SKIP() << "systemd-socket-activate is missing";
    }
    Daemon daemon;
    std::filesystem::create_directory(std::filesystem::path(daemon.address()).parent_path());
    test::TempDir output;
    Process activator(output.path(),
                      {"/usr/bin/systemd-socket-activate", "--listen", daemon.address(),
                       LAMINA_DAEMON, "--config", daemon.config_file()});
    while (!std::filesystem::exists(daemon.address())) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(is_healthy(daemon)) << activator.standard_error();
}

class DaemonWithARunningApply : public ::testing::Test {
  protected:
    // Applies a layer whose blob does not come to its end.
    void start(const std::string& shutdown_seconds) {
        content_.wait_for_cancel = true;
        daemon_ = std::make_unique<Daemon>(
            fmt::format("shutdown_seconds = {}\n[content]\nroot = \"\"\naddress = \"{}\"\n",
                        shutdown_seconds, content_.address()));
        daemon_->start();
        snapshots_api::PrepareSnapshotResponse prepared;
        ASSERT_TRUE(prepare(*daemon_, "default/1/a", &prepared).ok());
        *request_.mutable_mounts() = prepared.mounts();
        request_.mutable_diff()->set_media_type("application/vnd.oci.image.layer.v1.tar");
        request_.mutable_diff()->set_digest("sha256:" + std::string(64, '0'));
        client_ = std::jthread([this] {
            auto stub = diff_api::Diff::NewStub(daemon_->connect());
            grpc::ClientContext context;
            context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
            diff_api::ApplyResponse reply;
            status_ = stub->Apply(&context, request_, &reply);
        });
        content_.reading.wait();
        daemon_->process().signal(SIGTERM);
        ASSERT_THAT(daemon_->manager().next(), StartsWith("STOPPING=1"));
    }

    test::FakeContent content_;
    std::unique_ptr<Daemon> daemon_;
    diff_api::ApplyRequest request_;
    grpc::Status status_;
    std::jthread client_;
};

TEST_F(DaemonWithARunningApply, CancelsItWhenTheTimeIsUp) {
    start("0");
    EXPECT_EQ(daemon_->process().wait(), 0);
    client_.join();
    EXPECT_FALSE(status_.ok());
}

TEST_F(DaemonWithARunningApply, LetsItEndInTime) {
    start("60");
    content_.wait_for_cancel = false;
    EXPECT_EQ(daemon_->process().wait(), 0);
    client_.join();
    EXPECT_TRUE(status_.ok()) << status_.error_message();
}

TEST_F(DaemonWithARunningApply, EndsAtOnceOnASecondSignal) {
    start("3600");
    daemon_->process().signal(SIGTERM);
    EXPECT_EQ(daemon_->process().wait(), -SIGTERM);
}

} // namespace
} // namespace lamina
