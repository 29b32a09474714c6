// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "proto/snapshots.grpc.pb.h"
#include "unpacker/base/result.h"

namespace lamina::bench {

using Snapshots = containerd::services::snapshots::v1::Snapshots;

// Where the calls go: containerd, or a snapshotter's own socket, which ignores the namespace.
struct Endpoint {
    std::string socket;
    std::string snapshotter;
};

enum class Method { prepare, mounts, stat, commit, remove };
inline constexpr size_t kMethods = 5;
[[nodiscard]] std::string_view name_of(Method method);

// One client with a connection of its own. For one thread.
class Client {
  public:
    explicit Client(const Endpoint& endpoint);

    // A committed snapshot without parent, for the others to stand on.
    Status make_base(const std::string& name);

    // The life of one snapshot on `parent`: prepared, looked at, committed, removed.
    Status round(const std::string& key, const std::string& parent);

    // Of each call made by round(), by Method, in microseconds.
    [[nodiscard]] const std::vector<double>& latencies(Method method) const {
        return latencies_.at(static_cast<size_t>(method));
    }

  private:
    Status prepare(const std::string& key, const std::string& parent);
    Status commit(const std::string& name, const std::string& key);
    Status remove(const std::string& key);
    template <class Call>
    Status timed(Method method, Call call);

    std::string snapshotter_;
    std::unique_ptr<Snapshots::Stub> stub_;
    std::array<std::vector<double>, kMethods> latencies_;
};

} // namespace lamina::bench
