// SPDX-License-Identifier: Apache-2.0
// Files per second of each engine, one thread, in TMPDIR: content, mode and times. A new directory
// for each turn, and nothing is deleted before the end: ext4 avoids inodes that were just freed.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "bench/micro/inputs.h"
#include "tests/support/temp_dir.h"
#include "unpacker/base/check.h"
#include "unpacker/layer/leaf_engine.h"
#include "unpacker/layer/leaf_maker.h"

namespace lamina::bench {
namespace {

constexpr size_t kBatch = 64; // about what the pipeline hands over at a time

WriterItem file_item(const std::shared_ptr<const Fd>& directory, size_t number,
                     const Slice& content) {
    Leaf leaf;
    leaf.directory = directory;
    leaf.name = fmt::format("f{}", number);
    leaf.size_bytes = content.bytes.size();
    leaf.metadata.mode = 0644;
    leaf.metadata.times = {timespec{1'600'000'000, 0}, timespec{1'600'000'000, 0}};
    return {std::move(leaf), {ContentBlock{content, 0}}, true};
}

Status fill(LeafEngine& engine, const std::string& path, size_t files, const Slice& content) {
    if (::mkdir(path.c_str(), 0755) != 0) {
        return fail(errno_error("mkdir", path));
    }
    TRY_ASSIGN(Fd fd, open_directory(path));
    const auto directory = std::make_shared<const Fd>(std::move(fd));
    for (size_t made = 0; made < files;) {
        std::vector<WriterItem> batch;
        for (; made < files && batch.size() < kBatch; ++made) {
            batch.push_back(file_item(directory, made, content));
        }
        TRY(engine.make(std::move(batch)));
    }
    return {};
}

void create_files(benchmark::State& state, EngineKind kind) {
    const auto engine = make_engine(kind, Writeback::by_kernel);
    if (!engine) {
        state.SkipWithError(("missing here: " + engine.error().message).c_str());
        return;
    }
    CHECK(use_private_umask().has_value());
    const size_t files = scaled(5'000);
    const std::string bytes = sample_bytes(static_cast<size_t>(state.range(0)));
    const Slice content =
        copy_to_slice({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
    const test::TempDir scratch;
    size_t turns = 0;
    for ([[maybe_unused]] auto _ : state) {
        if (!fill(**engine, scratch / std::to_string(turns++), files, content)) {
            state.SkipWithError("cannot make files");
        }
    }
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(files));
    check(state, "inodes made", std::to_string((*engine)->tally().usage.inodes),
          std::to_string(turns * files));
}

BENCHMARK_CAPTURE(create_files, threads, EngineKind::threads)
    ->Arg(0)
    ->Arg(3 << 10)
    ->Arg(64 << 10)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(create_files, io_uring, EngineKind::io_uring)
    ->Arg(0)
    ->Arg(3 << 10)
    ->Arg(64 << 10)
    ->Unit(benchmark::kMillisecond);

} // namespace
} // namespace lamina::bench
