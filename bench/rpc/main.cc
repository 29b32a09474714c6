// SPDX-License-Identifier: Apache-2.0
// rpc_bench SOCKET SNAPSHOTTER CLIENTS ROUNDS: lets that many clients together go through ROUNDS
// lives of a snapshot and prints the latencies of each call and the rate of all as JSON.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/rpc/client.h"
#include "unpacker/base/first_error.h"
#include "unpacker/base/stopwatch.h"

namespace {

using namespace lamina;
using namespace lamina::bench;

constexpr const char* kBase = "base";

double percentile(std::vector<double>& sorted, double share) {
    return sorted.at(static_cast<size_t>(share * static_cast<double>(sorted.size() - 1)));
}

nlohmann::ordered_json latencies_of(const std::vector<std::unique_ptr<Client>>& clients) {
    nlohmann::ordered_json report;
    for (size_t index = 0; index < kMethods; ++index) {
        const auto method = static_cast<Method>(index);
        std::vector<double> all;
        for (const auto& client : clients) {
            const auto& own = client->latencies(method);
            all.insert(all.end(), own.begin(), own.end());
        }
        std::ranges::sort(all);
        report[std::string(name_of(method))] = {{"p50", percentile(all, 0.5)},
                                                {"p99", percentile(all, 0.99)}};
    }
    return report;
}

// Takes rounds until none are left.
Status work(Client& client, size_t number, std::atomic<long>& rounds_left) {
    for (int turn = 0; rounds_left.fetch_sub(1) > 0; ++turn) {
        TRY(client.round(fmt::format("client-{}-{}", number, turn), kBase));
    }
    return {};
}

Result<std::string> run(const Endpoint& endpoint, size_t client_count, long rounds) {
    TRY(Client(endpoint).make_base(kBase));
    std::vector<std::unique_ptr<Client>> clients;
    for (size_t number = 0; number < client_count; ++number) {
        clients.push_back(std::make_unique<Client>(endpoint));
        TRY(clients.back()->round(fmt::format("warm-{}", number), kBase)); // connects
    }
    std::atomic<long> rounds_left = rounds;
    FirstError error;
    const Stopwatch watch;
    {
        std::vector<std::jthread> threads;
        threads.reserve(client_count);
        for (size_t number = 0; number < client_count; ++number) {
            threads.emplace_back([&, number] {
                if (auto done = work(*clients[number], number, rounds_left); !done) {
                    error.set(std::move(done).error());
                }
            });
        }
    }
    const double seconds = watch.seconds();
    TRY(error.status());
    const double calls = static_cast<double>(rounds) * static_cast<double>(kMethods);
    return nlohmann::ordered_json{{"rate", calls / seconds}, {"latencies", latencies_of(clients)}}
        .dump();
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        (void)std::fputs("rpc_bench SOCKET SNAPSHOTTER CLIENTS ROUNDS\n", stderr);
        return 2;
    }
    // Each thread waits for its own connection. With epoll, gRPC's choice, one thread waits for all
    // of the process and wakes the others, which costs the machine a tenth of what the server could
    // do.
    (void)::setenv("GRPC_POLL_STRATEGY", "poll", 0);
    const auto report = run({argv[1], argv[2]}, std::strtoul(argv[3], nullptr, 10),
                            std::strtol(argv[4], nullptr, 10));
    if (!report) {
        (void)std::fprintf(stderr, "rpc_bench: %s\n", report.error().message.c_str());
        return 1;
    }
    (void)std::puts(report->c_str());
    return 0;
}
