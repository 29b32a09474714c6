// SPDX-License-Identifier: Apache-2.0
#include "unpacker/pipeline/layer_unpacker.h"

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include <sys/resource.h>

#include "unpacker/base/limits.h"
#include "unpacker/base/processors.h"
#include "unpacker/base/stopwatch.h"
#include "unpacker/pipeline/stages.h"
#include "unpacker/tree/directory_cursor.h"

namespace lamina {
namespace {

WriterOptions writers_of(const UnpackOptions& options) {
    const unsigned wanted = options.writers != 0 ? options.writers : available_processors();
    return {.writers = std::clamp(wanted, 1U, limits::kWritersMax),
            .engine = options.engine,
            .writeback =
                options.durability == Durability::layer ? Writeback::early : Writeback::by_kernel};
}

Result<LayerWriter::Target> open_target(const UnpackTarget& target) {
    TRY_ASSIGN(Fd root, open_directory(target.root));
    TRY_ASSIGN(const bool empty, is_empty_directory(target.root));
    return LayerWriter::Target{std::move(root), target.whiteouts, target.lowerdirs, empty,
                               target.index};
}

// Per thread on Linux, setpriority(2). Raising is not asked for, so it cannot fail.
void lower_priority(int nice) {
    if (nice > 0) {
        (void)::setpriority(PRIO_PROCESS, 0, nice);
    }
}

// Without the thread the unpack fails, and the stages that run end.
template <class Run>
std::jthread start_thread(Stages& stages, Run run) {
    try {
        return std::jthread(std::move(run));
    } catch (const std::system_error& error) { // too many threads: pthread_create(3), EAGAIN
        stages.fail_with({ErrorCode::resource_exhausted, error.code().value(),
                          "cannot start a thread to unpack with"});
        return {};
    }
}

} // namespace

Result<UnpackReport> unpack_layer(BlobSource& blob, Encoding encoding, const UnpackTarget& target,
                                  const UnpackOptions& options, const std::stop_token& stop) {
    const Stopwatch watch;
    TRY_ASSIGN(LayerWriter::Target opened, open_target(target));
    TRY_ASSIGN(const Fd root, open_directory(target.root));
    Stages stages;
    {
        const std::stop_callback on_stop(
            stop, [&] { stages.fail_with({ErrorCode::canceled, 0, "unpack was cancelled"}); });
        const auto stage = [&](auto run) {
            return start_thread(stages, [nice = options.nice, run = std::move(run)]() mutable {
                lower_priority(nice);
                run();
            });
        };
        // The order of the stages is the way of the data. Leaving the block waits for all.
        const auto reader = stage([&] { stages.read_blob(blob); });
        const auto decoder = stage([&] { stages.decode(encoding); });
        const auto hasher = stage([&] { stages.hash(); });
        const auto writer =
            stage([&] { stages.write_entries(std::move(opened), writers_of(options)); });
    }
    TRY_ASSIGN(UnpackReport report, stages.report());
    if (options.durability == Durability::layer) {
        // One barrier for the whole filesystem: cheaper than one per file even when others write,
        // since the journal is committed once. Writeback has begun long before (LeafMaker). `root`
        // was opened before the first write, or an error of writeback could pass unseen.
        TRY(options.sync(root.get()));
    }
    report.times.total_seconds = watch.seconds();
    return report;
}

} // namespace lamina
