// SPDX-License-Identifier: Apache-2.0
#include "tests/service/remote_snapshotter.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "snapshotter/service/convert.h"
#include "snapshotter/service/status.h"

namespace lamina::test {
namespace {

using google::protobuf::Empty;
using Stub = snapshots_api::Snapshots::Stub;

// One unary call; `fill` writes the request beside the snapshotter's name.
template <class Request, class Reply, class Fill>
Result<Reply> call(Stub& stub,
                   grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
                   const Fill& fill) {
    grpc::ClientContext context;
    Request request;
    request.set_snapshotter("lamina");
    fill(request);
    Reply reply;
    TRY(from_grpc((stub.*method)(&context, request, &reply)));
    return reply;
}

template <class Reply>
Result<Info> info_of(const Result<Reply>& reply) {
    TRY(reply);
    EXPECT_TRUE(reply->has_info()) << "containerd would crash";
    return to_info(reply->info());
}

template <class Reply>
Result<Mounts> mounts_of(const Result<Reply>& reply) {
    TRY(reply);
    return to_mounts(reply->mounts());
}

} // namespace

Result<Mounts> RemoteSnapshotter::prepare(const std::string& key, const std::string& parent,
                                          const Labels& labels) {
    return mounts_of(call(*stub_, &Stub::Prepare, [&](auto& request) {
        request.set_key(key);
        request.set_parent(parent);
        write_labels(labels, *request.mutable_labels());
    }));
}

Result<Mounts> RemoteSnapshotter::view(const std::string& key, const std::string& parent,
                                       const Labels& labels) {
    return mounts_of(call(*stub_, &Stub::View, [&](auto& request) {
        request.set_key(key);
        request.set_parent(parent);
        write_labels(labels, *request.mutable_labels());
    }));
}

Result<Mounts> RemoteSnapshotter::mounts(const std::string& key) {
    return mounts_of(call(*stub_, &Stub::Mounts, [&](auto& request) { request.set_key(key); }));
}

Status RemoteSnapshotter::commit(const std::string& name, const std::string& key,
                                 const Labels& labels, const std::string& parent) {
    TRY(call(*stub_, &Stub::Commit, [&](auto& request) {
        request.set_name(name);
        request.set_key(key);
        request.set_parent(parent);
        write_labels(labels, *request.mutable_labels());
    }));
    return {};
}

Status RemoteSnapshotter::remove(const std::string& key) {
    TRY(call(*stub_, &Stub::Remove, [&](auto& request) { request.set_key(key); }));
    return {};
}

Result<Info> RemoteSnapshotter::stat(const std::string& key) {
    return info_of(call(*stub_, &Stub::Stat, [&](auto& request) { request.set_key(key); }));
}

Result<Info> RemoteSnapshotter::update(const Info& info,
                                       const std::vector<std::string>& field_paths) {
    return info_of(call(*stub_, &Stub::Update, [&](auto& request) {
        write_info(info, *request.mutable_info());
        for (const std::string& path : field_paths) {
            request.mutable_update_mask()->add_paths(path);
        }
    }));
}

Status RemoteSnapshotter::walk(const std::vector<std::string>& filters,
                               const std::function<Status(const Info&)>& visit) {
    grpc::ClientContext context;
    snapshots_api::ListSnapshotsRequest request;
    request.set_snapshotter("lamina");
    request.mutable_filters()->Assign(filters.begin(), filters.end());
    auto stream = stub_->List(&context, request);
    for (snapshots_api::ListSnapshotsResponse message; stream->Read(&message);) {
        for (const auto& info : message.info()) {
            if (auto visited = visit(to_info(info)); !visited) {
                context.TryCancel();
                stream->Finish();
                return visited;
            }
        }
    }
    return from_grpc(stream->Finish());
}

Result<Usage> RemoteSnapshotter::usage(const std::string& key) {
    auto reply = call(*stub_, &Stub::Usage, [&](auto& request) { request.set_key(key); });
    TRY(reply);
    return Usage{.inodes = static_cast<uint64_t>(reply->inodes()),
                 .size_bytes = static_cast<uint64_t>(reply->size())};
}

Status RemoteSnapshotter::cleanup() {
    TRY(call(*stub_, &Stub::Cleanup, [](auto&) {}));
    return {};
}

} // namespace lamina::test
