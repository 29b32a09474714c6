// SPDX-License-Identifier: Apache-2.0
#include "tests/support/scrape.h"

#include <array>
#include <sstream>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unpacker/base/check.h"

namespace lamina::test {

Fd connect_to(uint16_t port) {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        return Fd();
    }
    return socket;
}

std::string converse(const Fd& connection, const std::string& request) {
    CHECK(::send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size()));
    std::string answer;
    std::array<char, 4096> buffer{};
    for (ssize_t count = 0; (count = ::read(connection.get(), buffer.data(), buffer.size())) > 0;) {
        answer.append(buffer.data(), static_cast<size_t>(count));
    }
    return answer;
}

std::string http_get(uint16_t port, const std::string& path) {
    const Fd connection = connect_to(port);
    return connection.valid()
               ? converse(connection,
                          "GET " + path +
                              " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
               : "refused";
}

std::string value_of(const std::string& text, const std::string& series) {
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        if (line.starts_with(series + " ")) {
            return line.substr(series.size() + 1);
        }
    }
    return "none";
}

} // namespace lamina::test
