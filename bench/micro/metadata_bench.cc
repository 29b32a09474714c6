// SPDX-License-Identifier: Apache-2.0
// What owner, xattrs, mode and times of an existing file cost, each alone and together, in TMPDIR.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "bench/micro/inputs.h"
#include "tests/support/temp_dir.h"
#include "unpacker/base/fd.h"
#include "unpacker/layer/metadata.h"

namespace lamina::bench {
namespace {

Metadata unchanged() {
    Metadata metadata;
    metadata.mode = 0644;
    metadata.times = {timespec{1'600'000'000, 0}, timespec{1'600'000'000, 0}};
    return metadata;
}

Metadata with_owner() {
    Metadata metadata = unchanged();
    metadata.uid = metadata.gid = 65534;
    return metadata;
}

Metadata with_xattr() {
    Metadata metadata = unchanged();
    metadata.xattrs = {{"user.colour", "green"}};
    return metadata;
}

Metadata with_all() {
    Metadata metadata = with_owner();
    metadata.mode = 04755;
    metadata.xattrs = {{"user.colour", "green"}, {"user.number", "1"}};
    return metadata;
}

std::string described(const Fd& file) {
    struct stat found{};
    ::fstat(file.get(), &found);
    char colour[16] = "none";
    const ssize_t size = ::fgetxattr(file.get(), "user.colour", colour, sizeof colour - 1);
    return fmt::format("{:o} {} {} {}", found.st_mode & 07777U, found.st_uid, found.st_mtim.tv_sec,
                       std::string_view(colour, size < 0 ? 4 : size));
}

std::string described(const Metadata& metadata) {
    return fmt::format("{:o} {} {} {}", metadata.mode, metadata.uid, metadata.times[1].tv_sec,
                       metadata.xattrs.empty() ? "none" : metadata.xattrs[0].second);
}

Result<std::vector<Fd>> new_files(const std::string& prefix, size_t count) {
    std::vector<Fd> files;
    for (size_t number = 0; number < count; ++number) {
        TRY_ASSIGN(Fd file, open_file(fmt::format("{}-{}", prefix, number),
                                      O_CREAT | O_EXCL | O_WRONLY, 0644));
        (void)::fchmod(file.get(), 0644); // whatever the umask
        files.push_back(std::move(file));
    }
    return files;
}

Status set_all(const std::vector<Fd>& files, const Metadata& metadata) {
    for (const Fd& file : files) {
        struct stat now{};
        ::fstat(file.get(), &now);
        TRY(set_metadata(file.get(), now, metadata));
        TRY(set_times(file.get(), metadata.times));
    }
    return {};
}

void set_metadata_of_files(benchmark::State& state, Metadata (*make)()) {
    constexpr size_t kFiles = 500; // at a time, all open
    const test::TempDir scratch;
    const Metadata metadata = make();
    std::string last;
    int turn = 0;
    for ([[maybe_unused]] auto _ : state) {
        state.PauseTiming();
        const auto files = new_files(scratch / std::to_string(turn++), scaled(kFiles));
        state.ResumeTiming();
        if (!files || !set_all(*files, metadata)) {
            state.SkipWithError("cannot set metadata");
            break;
        }
        state.PauseTiming();
        last = described(files->back());
        state.ResumeTiming();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(scaled(kFiles)));
    check(state, "metadata", last, described(metadata));
}

BENCHMARK_CAPTURE(set_metadata_of_files, times, unchanged)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(set_metadata_of_files, owner, with_owner)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(set_metadata_of_files, xattr, with_xattr)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(set_metadata_of_files, all, with_all)->Unit(benchmark::kMicrosecond);

} // namespace
} // namespace lamina::bench
