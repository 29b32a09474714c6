// SPDX-License-Identifier: Apache-2.0
// The clone of a layer that is there already, beside the unpack of the same layer (unpack_bench),
// into TMPDIR.
#include <sys/stat.h>

#include "bench/micro/inputs.h"
#include "tests/support/encoders.h"
#include "tests/support/temp_dir.h"
#include "unpacker/pipeline/layer_unpacker.h"
#include "unpacker/tree/clone_tree.h"

namespace lamina::bench {
namespace {

Result<UnpackReport> unpack(const std::string& tar, const std::string& directory) {
    ::mkdir(directory.c_str(), 0755);
    const std::string blob = test::gzip(tar);
    BorrowedSource source(blob);
    UnpackTarget target;
    target.root = directory;
    return unpack_layer(source, Encoding::sniff, target, {}, {});
}

Result<Usage> clone_into(const std::string& from, const std::string& to) {
    ::mkdir(to.c_str(), 0755);
    TRY_ASSIGN(const Fd source, open_directory(from));
    TRY_ASSIGN(const Fd target, open_directory(to));
    return clone_tree(source.get(), target.get(), {}, {});
}

std::string shown(const Result<Usage>& usage) {
    return usage ? std::to_string(usage->inodes) + " inodes" : usage.error().message;
}

void clone(benchmark::State& state) {
    const std::string tar = sample_tar(scaled(10'000), static_cast<size_t>(state.range(0)));
    const test::TempDir scratch;
    const auto report = unpack(tar, scratch / "layer");
    std::string found;
    int turn = 0;
    for ([[maybe_unused]] auto _ : state) {
        found = shown(clone_into(scratch / "layer", scratch / std::to_string(turn++)));
    }
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(tar.size()));
    check(state, "clone", found,
          report ? shown(Result<Usage>(report->usage)) : report.error().message);
}

BENCHMARK(clone)->Arg(3 << 10)->Unit(benchmark::kMillisecond)->UseRealTime();

} // namespace
} // namespace lamina::bench
