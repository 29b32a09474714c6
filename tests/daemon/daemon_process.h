// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/channel.h>
#include <sys/types.h>

#include "tests/support/temp_dir.h"
#include "unpacker/base/fd.h"

namespace lamina::test {

// How a process ended: an exit status, or minus the signal that ended it.
using Outcome = int;

// A program that the test started, with its output in files. Killed at the end of its life.
class Process {
  public:
    // `before_exec` runs in the child.
    Process(const std::string& output_directory, std::vector<std::string> command,
            const std::function<void()>& before_exec = {});
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    void signal(int number) const;
    // Waits, at most a minute.
    Outcome wait();
    [[nodiscard]] std::string standard_output() const;
    [[nodiscard]] std::string standard_error() const;

  private:
    std::string directory_;
    pid_t pid_ = -1;
    Fd pidfd_;
    bool reaped_ = false;
};

// The service manager's side of sd_notify(3).
class NotifySocket {
  public:
    explicit NotifySocket(const std::string& path);
    // The next message; waits, at most a minute.
    [[nodiscard]] std::string next() const;

  private:
    Fd socket_;
};

// The daemon with a private root, socket, configuration and service manager.
class Daemon {
  public:
    // `config` is the text of its configuration file, to which root and address are added.
    explicit Daemon(std::string config = "");

    // Starts the program and waits until it says READY=1.
    void start();
    // Starts it with more arguments and environment, without waiting.
    Process& spawn(const std::vector<std::string>& more = {},
                   const std::function<void()>& before_exec = {});
    [[nodiscard]] Process& process() { return *process_; }
    [[nodiscard]] const NotifySocket& manager() const { return manager_; }

    [[nodiscard]] std::string root() const { return directory_ / "root"; }
    [[nodiscard]] std::string address() const { return directory_ / "run/lamina.sock"; }
    [[nodiscard]] std::string config_file() const { return directory_ / "config.toml"; }
    [[nodiscard]] std::shared_ptr<grpc::Channel> connect() const;

  private:
    TempDir directory_;
    NotifySocket manager_;
    std::unique_ptr<Process> process_;
};

} // namespace lamina::test
