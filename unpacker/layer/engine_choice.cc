// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/engine_choice.h"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/base/log.h"
#include "unpacker/base/stopwatch.h"
#include "unpacker/layer/leaf_maker.h"
#include "unpacker/tree/remove_tree.h"

namespace lamina {
namespace {

// Few, since ext4 passes over every inode that was freed in the last minutes when it looks for a
// new one (fs/ext4/ialloc.c, recently_deleted).
constexpr unsigned kFilesPerRound = 32;
constexpr unsigned kRounds = 3;

// Nothing waits longer for the answer than about this: on ext4 after many deletions, see above, one
// round took 0.1 s and the next ones told nothing new.
constexpr double kEnoughSeconds = 0.05;

// The median size of a file in a node_modules tree.
constexpr size_t kFileBytes = 3 * 1024;

// The ring has to be this much better to be worth the kernel threads it takes.
constexpr double kRingAdvantage = 0.95;

constexpr std::array<std::pair<std::string_view, EngineWish>, 3> kWishes{
    {{"auto", EngineWish::automatic},
     {"threads", EngineWish::threads},
     {"io_uring", EngineWish::io_uring}}};

std::vector<WriterItem> probe_batch(const std::shared_ptr<const Fd>& directory, unsigned round) {
    static const Slice content = copy_to_slice(std::vector<std::byte>(kFileBytes));
    std::vector<WriterItem> batch;
    for (unsigned i = 0; i < kFilesPerRound; ++i) {
        Metadata metadata;
        metadata.mode = 0644;
        const std::string name = fmt::format("{}-{}", round, i);
        batch.push_back(
            {.leaf =
                 Leaf{
                     directory, name, LeafType::file, {}, 0, kFileBytes, std::move(metadata), name},
             .content = {{content, 0}},
             .is_last = true});
    }
    return batch;
}

Result<std::shared_ptr<const Fd>> make_directory(int parent, const std::string& name) {
    if (::mkdirat(parent, name.c_str(), 0700) != 0) {
        return fail(errno_error("mkdir", name));
    }
    TRY_ASSIGN(Fd fd, open_directory_at(parent, name));
    return std::make_shared<const Fd>(std::move(fd));
}

// The engines take turns, and the best round of each counts: a busy host makes single rounds slow,
// never fast.
Status measure(int directory, LeafEngine& threads, LeafEngine& ring, EngineChoice& choice) {
    const std::array<std::pair<LeafEngine*, std::optional<double>*>, 2> contenders{
        {{&threads, &choice.threads_microseconds}, {&ring, &choice.io_uring_microseconds}}};
    const Stopwatch whole;
    for (unsigned round = 0; round < kRounds && whole.seconds() < kEnoughSeconds; ++round) {
        for (const auto& [engine, best] : contenders) {
            const std::string name =
                fmt::format("{}-{}", engine == &ring ? "ring" : "threads", round);
            TRY_ASSIGN(const auto room, make_directory(directory, name));
            auto batch = probe_batch(room, round);
            const Stopwatch watch;
            TRY(engine->make(std::move(batch)));
            const double microseconds = watch.seconds() * 1e6 / kFilesPerRound;
            *best = std::min(best->value_or(microseconds), microseconds);
        }
    }
    return {};
}

Status probe_in(int directory, EngineChoice& choice) {
    TRY_ASSIGN(const auto threads, make_engine(EngineKind::threads));
    auto ring = make_engine(EngineKind::io_uring);
    if (!ring) {
        choice.unavailable = ring.error().message;
        return {};
    }
    TRY(measure(directory, *threads, **ring, choice));
    if (*choice.io_uring_microseconds < *choice.threads_microseconds * kRingAdvantage) {
        choice.kind = EngineKind::io_uring;
    }
    return {};
}

Status probe(const std::string& directory, EngineChoice& choice) {
    TRY(use_private_umask());
    TRY_ASSIGN(const Fd parent, open_directory(directory));
    const std::string name = fmt::format(".lamina-probe-{}", ::getpid());
    TRY_ASSIGN(const auto room, make_directory(parent.get(), name));
    auto probed = probe_in(room->get(), choice);
    const auto removed = remove_tree(parent.get(), name);
    return probed ? removed : probed;
}

} // namespace

Result<EngineWish> parse_engine_wish(std::string_view text) {
    const auto* found = std::ranges::find(kWishes, text, &decltype(kWishes)::value_type::first);
    if (found == kWishes.end()) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("engine \"{}\" is none of auto, threads, io_uring", text));
    }
    return found->second;
}

std::string_view name_of(EngineWish wish) {
    return std::ranges::find(kWishes, wish, &decltype(kWishes)::value_type::second)->first;
}

EngineChoice choose_engine(EngineWish wish, const std::string& directory) {
    EngineChoice choice;
    if (wish == EngineWish::automatic) {
        Status probed;
        // A thread of its own, for the umask and because a ring belongs to its thread.
        std::thread([&] { probed = probe(directory, choice); }).join();
        if (!probed) {
            choice = {};
            choice.unavailable = probed.error().message;
        }
    } else if (wish == EngineWish::io_uring) {
        const auto ring = make_engine(EngineKind::io_uring);
        choice.kind = ring ? EngineKind::io_uring : EngineKind::threads;
        choice.unavailable = ring ? "" : ring.error().message;
    }
    return choice;
}

void log_engine_choice(const EngineChoice& choice) {
    std::string message = fmt::format("files are made by {}", name_of(choice.kind));
    if (!choice.unavailable.empty()) {
        message += ", io_uring cannot be used";
    }
    const auto figure = [](const std::optional<double>& microseconds) {
        return microseconds ? fmt::format("{:.1f}", *microseconds) : std::string("-");
    };
    log::info(message, {{"threads_us_per_file", figure(choice.threads_microseconds)},
                        {"io_uring_us_per_file", figure(choice.io_uring_microseconds)},
                        {"error", choice.unavailable}});
}

} // namespace lamina
