// SPDX-License-Identifier: Apache-2.0
// The whole pipeline on a gzip layer in memory, into TMPDIR.
#include <sys/stat.h>

#include "bench/micro/inputs.h"
#include "tests/support/encoders.h"
#include "tests/support/temp_dir.h"
#include "unpacker/pipeline/layer_unpacker.h"

namespace lamina::bench {
namespace {

void unpack(benchmark::State& state, EngineKind engine) {
    if (const auto made = make_engine(engine, Writeback::by_kernel); !made) {
        state.SkipWithError(("missing here: " + made.error().message).c_str());
        return;
    }
    const std::string tar = sample_tar(scaled(10'000), static_cast<size_t>(state.range(0)));
    const std::string blob = test::gzip(tar);
    const test::TempDir scratch;
    std::string digest;
    int turn = 0;
    for ([[maybe_unused]] auto _ : state) {
        UnpackTarget target;
        target.root = scratch / std::to_string(turn++);
        ::mkdir(target.root.c_str(), 0755);
        BorrowedSource source(blob);
        UnpackOptions options;
        options.engine = engine;
        const auto report = unpack_layer(source, Encoding::sniff, target, options, {});
        digest = report ? report->diff_id.text() : report.error().message;
    }
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(tar.size()));
    check(state, "diff ID", digest, checksum(tar));
}

BENCHMARK_CAPTURE(unpack, threads, EngineKind::threads)
    ->Arg(3 << 10)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(unpack, io_uring, EngineKind::io_uring)
    ->Arg(3 << 10)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

} // namespace
} // namespace lamina::bench
