// SPDX-License-Identifier: Apache-2.0
// The conformance suite through the socket of the real daemon.
#include <fstream>

#include "snapshotter/daemon/config.h"
#include "tests/conformance/suite.h"
#include "tests/daemon/daemon_process.h"
#include "tests/service/remote_snapshotter.h"

namespace lamina::test {
namespace {

// Ends its daemon by SIGKILL: what was answered must be durable without a clean end.
class DaemonSnapshotter final : public RemoteSnapshotter {
  public:
    explicit DaemonSnapshotter(std::unique_ptr<Daemon> daemon)
        : RemoteSnapshotter(daemon->connect()), daemon_(std::move(daemon)) {}

  private:
    std::unique_ptr<Daemon> daemon_;
};

Config config_of(const Daemon& daemon, const OverlayOptions& options) {
    Config config;
    config.root = options.root;
    config.address = daemon.address();
    config.snapshotter.mount_options = options.mount_options;
    config.snapshotter.upperdir_label = options.upperdir_label;
    config.snapshotter.remap_ids = options.remap_ids;
    config.snapshotter.delete_threads = options.delete_threads;
    config.snapshotter.delete_when_idle = options.delete_when_idle;
    return config;
}

Result<std::unique_ptr<Snapshotter>> open_daemon(const OverlayOptions& options) {
    auto daemon = std::make_unique<Daemon>();
    std::ofstream(daemon->config_file()) << print_config(config_of(*daemon, options));
    daemon->start();
    return std::make_unique<DaemonSnapshotter>(std::move(daemon));
}

const auto kDaemon = testing::Values(Subject{"daemon", open_daemon, ""});

INSTANTIATE_TEST_SUITE_P(Socket, SnapshotterSuite, kDaemon, subject_name);
INSTANTIATE_TEST_SUITE_P(Socket, OverlayTest, kDaemon, subject_name);

} // namespace
} // namespace lamina::test
