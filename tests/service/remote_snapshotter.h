// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <grpcpp/channel.h>

#include "proto/snapshots.grpc.pb.h"
#include "snapshotter/core/snapshotter.h"

namespace lamina::test {

// A Snapshotter behind a connection, as containerd's proxy plugin is one. Thread-safe.
class RemoteSnapshotter : public Snapshotter {
  public:
    explicit RemoteSnapshotter(const std::shared_ptr<grpc::Channel>& channel)
        : stub_(containerd::services::snapshots::v1::Snapshots::NewStub(channel)) {}

    Result<Mounts> prepare(const std::string& key, const std::string& parent,
                           const Labels& labels) override;
    Result<Mounts> view(const std::string& key, const std::string& parent,
                        const Labels& labels) override;
    Result<Mounts> mounts(const std::string& key) override;
    Status commit(const std::string& name, const std::string& key, const Labels& labels,
                  const std::string& parent) override;
    Status remove(const std::string& key) override;
    Result<Info> stat(const std::string& key) override;
    Result<Info> update(const Info& info, const std::vector<std::string>& field_paths) override;
    Status walk(const std::vector<std::string>& filters,
                const std::function<Status(const Info&)>& visit) override;
    Result<Usage> usage(const std::string& key) override;
    Status cleanup() override;

  private:
    std::unique_ptr<containerd::services::snapshots::v1::Snapshots::Stub> stub_;
};

} // namespace lamina::test
