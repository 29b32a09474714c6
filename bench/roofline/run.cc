// SPDX-License-Identifier: Apache-2.0
#include "bench/roofline/run.h"

#include <cstdlib>
#include <functional>
#include <thread>

#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/stat.h>

#include "bench/roofline/bare_extract.h"
#include "bench/roofline/mapped_file.h"
#include "bench/roofline/streams.h"
#include "bench/roofline/tar_index.h"
#include "unpacker/base/first_error.h"
#include "unpacker/base/stopwatch.h"

namespace lamina::bench {
namespace {

struct Layer {
    MappedFile tar;
    MappedFile blob;
    std::vector<TarItem> items;
};

Result<Layer> load(const std::string& tar_path, const std::string& blob_path) {
    TRY_ASSIGN(MappedFile tar, MappedFile::open(tar_path));
    TRY_ASSIGN(MappedFile blob, MappedFile::open(blob_path));
    TRY_ASSIGN(auto items, index_tar(tar.bytes()));
    return Layer{std::move(tar), std::move(blob), std::move(items)};
}

Status decode_all(std::vector<Layer>& layers) {
    for (Layer& layer : layers) {
        TRY_ASSIGN(const uint64_t bytes, decode_away(layer.blob.bytes()));
        if (bytes != layer.tar.bytes().size()) {
            return fail(ErrorCode::data_loss, "a blob decodes to another length than its tar");
        }
    }
    return {};
}

std::vector<std::string> hash_all(const std::vector<Layer>& layers) {
    std::vector<std::string> digests;
    digests.reserve(layers.size());
    for (const Layer& layer : layers) {
        digests.push_back(hash_away(layer.tar.bytes()));
    }
    return digests;
}

Status create_all(const std::vector<Layer>& layers, const std::string& root, unsigned threads) {
    for (const Layer& layer : layers) {
        const std::string directory = root + "/" + std::to_string(&layer - layers.data());
        if (::mkdir(directory.c_str(), 0755) != 0) {
            return fail(errno_error("mkdir", directory));
        }
        TRY(bare_extract(layer.items, directory, threads));
    }
    return {};
}

double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + (static_cast<double>(time.tv_usec) / 1e6);
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

struct Cost {
    double wall;
    double cpu;
};

// Runs the works at once. Those that fail leave their error.
Cost measure(const std::vector<std::function<Status()>>& works, FirstError& error) {
    const Stopwatch watch;
    const double cpu_before = cpu_seconds();
    {
        std::vector<std::jthread> threads;
        threads.reserve(works.size());
        for (const auto& work : works) {
            threads.emplace_back([&work, &error] {
                if (auto done = work(); !done) {
                    error.set(std::move(done).error());
                }
            });
        }
    }
    return {watch.seconds(), cpu_seconds() - cpu_before};
}

// What the command line asks for.
struct Request {
    std::string directory;
    unsigned threads;
    std::string works;
};

Result<std::string> run(std::vector<Layer>& layers, const Request& request) {
    std::vector<std::string> digests;
    std::vector<std::function<Status()>> works;
    if (request.works.find("decode") != std::string::npos) {
        works.emplace_back([&] { return decode_all(layers); });
    }
    if (request.works.find("hash") != std::string::npos) {
        works.emplace_back([&] {
            digests = hash_all(layers);
            return Status();
        });
    }
    if (request.works.find("create") != std::string::npos) {
        works.emplace_back([&] { return create_all(layers, request.directory, request.threads); });
    }
    FirstError error;
    const Cost cost = measure(works, error);
    TRY(error.status());
    return nlohmann::ordered_json{{"wall", cost.wall}, {"cpu", cost.cpu}, {"digests", digests}}
        .dump();
}

void raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

Result<std::string> run_roofline(const std::vector<std::string>& arguments) {
    constexpr size_t kFirstFile = 3;
    if (arguments.size() < kFirstFile + 2 || (arguments.size() - kFirstFile) % 2 != 0) {
        return fail(ErrorCode::invalid_argument, "DIR THREADS WORKS TAR BLOB [TAR BLOB ...]");
    }
    raise_descriptor_limit(); // all directories stay open
    std::vector<Layer> layers;
    for (size_t at = kFirstFile; at < arguments.size(); at += 2) {
        TRY_ASSIGN(Layer layer, load(arguments[at], arguments[at + 1]));
        layers.push_back(std::move(layer));
    }
    const auto threads = static_cast<unsigned>(std::strtoul(arguments[1].c_str(), nullptr, 10));
    return run(layers, {arguments[0], threads, arguments[2]});
}

} // namespace lamina::bench
