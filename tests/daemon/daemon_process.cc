// SPDX-License-Identifier: Apache-2.0
#include "tests/daemon/daemon_process.h"

#include <array>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unpacker/base/check.h"

namespace lamina::test {
namespace {

constexpr int kPatienceSeconds = 60;

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

void redirect(int fd, const std::string& path) {
    int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    CHECK(file >= 0 && ::dup2(file, fd) == fd);
}

} // namespace

Process::Process(const std::string& output_directory, std::vector<std::string> command,
                 const std::function<void()>& before_exec)
    : directory_(output_directory) {
    std::vector<char*> arguments;
    for (std::string& argument : command) {
        arguments.push_back(argument.data());
    }
    arguments.push_back(nullptr);
    pid_ = ::fork();
    CHECK(pid_ >= 0);
    if (pid_ == 0) {
        redirect(STDOUT_FILENO, directory_ + "/stdout");
        redirect(STDERR_FILENO, directory_ + "/stderr");
        if (before_exec) {
            before_exec();
        }
        ::execvp(arguments.front(), arguments.data());
        ::_exit(127);
    }
    pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    CHECK(pidfd_.valid());
}

Process::~Process() {
    if (!reaped_) {
        signal(SIGKILL);
        wait();
    }
}

void Process::signal(int number) const {
    CHECK(::kill(pid_, number) == 0);
}

Outcome Process::wait() {
    pollfd ended{pidfd_.get(), POLLIN, 0};
    CHECK(::poll(&ended, 1, kPatienceSeconds * 1000) == 1);
    int status = 0;
    CHECK(::waitpid(pid_, &status, 0) == pid_);
    reaped_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string Process::standard_output() const {
    return read_file(directory_ + "/stdout");
}
std::string Process::standard_error() const {
    return read_file(directory_ + "/stderr");
}

NotifySocket::NotifySocket(const std::string& path)
    : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    CHECK(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    timeval patience{kPatienceSeconds, 0};
    CHECK(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
}

std::string NotifySocket::next() const {
    std::array<char, 512> buffer{};
    ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    return count < 0 ? "nothing" : std::string(buffer.data(), static_cast<size_t>(count));
}

Daemon::Daemon(std::string config) : manager_(directory_ / "notify") {
    std::ofstream(config_file()) << fmt::format("root = \"{}\"\naddress = \"{}\"\n", root(),
                                                address())
                                 << config;
}

Process& Daemon::spawn(const std::vector<std::string>& more,
                       const std::function<void()>& before_exec) {
    std::vector<std::string> command{LAMINA_DAEMON, "--config", config_file()};
    command.insert(command.end(), more.begin(), more.end());
    process_ = std::make_unique<Process>(directory_.path(), command, [&] {
        ::setenv("NOTIFY_SOCKET", (directory_ / "notify").c_str(), 1);
        if (before_exec) {
            before_exec();
        }
    });
    return *process_;
}

void Daemon::start() {
    spawn();
    CHECK(manager_.next().starts_with("READY=1"));
}

std::shared_ptr<grpc::Channel> Daemon::connect() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1); // a connection of its own
    return grpc::CreateCustomChannel("unix:" + address(), grpc::InsecureChannelCredentials(),
                                     arguments);
}

} // namespace lamina::test
