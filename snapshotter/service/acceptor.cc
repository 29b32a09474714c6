// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/acceptor.h"

#include <array>
#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unpacker/base/check.h"
#include "unpacker/base/log.h"

namespace lamina {
namespace {

// Pause after an error that will not go by itself, such as too many open files: the connection
// stays in the socket's queue, and poll(2) would report it again at once.
constexpr int kErrorPauseMilliseconds = 100;

// Also of a listener that somebody else made: a client may be gone between poll and accept.
Status set_nonblocking(int fd) {
    int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return fail(errno_error("fcntl", "listening socket"));
    }
    return {};
}

} // namespace

Result<std::unique_ptr<Acceptor>> Acceptor::start(Fd listener, std::function<void(Fd)> take) {
    TRY(set_nonblocking(listener.get()));
    Fd wake(::eventfd(0, EFD_CLOEXEC));
    if (!wake.valid()) {
        return fail(errno_error("eventfd", "acceptor"));
    }
    return std::unique_ptr<Acceptor>(
        new Acceptor(std::move(listener), std::move(wake), std::move(take)));
}

Acceptor::Acceptor(Fd listener, Fd wake, std::function<void(Fd)> take)
    : listener_(std::move(listener)), wake_(std::move(wake)), take_(std::move(take)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Acceptor::~Acceptor() {
    thread_.request_stop();
    CHECK(::eventfd_write(wake_.get(), 1) == 0);
}

void Acceptor::run(const std::stop_token& stop) {
    std::array<pollfd, 2> ready{{{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}}};
    while (!stop.stop_requested()) {
        if (::poll(ready.data(), ready.size(), -1) > 0 && ready[1].revents != 0 && !accept_one()) {
            ::poll(ready.data(), 1, kErrorPauseMilliseconds);
        }
    }
}

bool Acceptor::accept_one() {
    Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection.valid()) {
        take_(std::move(connection));
        return true;
    }
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) {
        return true;
    }
    log::error("cannot accept a connection", {{"error", errno_error("accept4", "").message}});
    return false;
}

} // namespace lamina
