// SPDX-License-Identifier: Apache-2.0
#include "unpacker/cli/unpack_command.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "unpacker/base/fd.h"
#include "unpacker/pipeline/layer_unpacker.h"

namespace lamina {
namespace {

constexpr double kMebibyte = 1024.0 * 1024.0;

std::vector<std::string> split_lowerdirs(const std::string& joined) {
    std::vector<std::string> lowerdirs;
    for (size_t begin = 0; begin < joined.size();) {
        const size_t end = std::min(joined.find(':', begin), joined.size());
        lowerdirs.push_back(joined.substr(begin, end - begin));
        begin = end + 1;
    }
    return lowerdirs;
}

std::string to_text(const UnpackReport& report) {
    const double seconds = report.times.total_seconds;
    return fmt::format("digest      {}\n"
                       "entries     {}\n"
                       "bytes       {} of tar from {} of blob\n"
                       "on disk     {} bytes in {} inodes\n"
                       "time        {:.3f} s, {:.0f} MiB/s of tar\n",
                       report.diff_id.text(), report.entries, report.uncompressed_bytes,
                       report.blob_bytes, report.usage.size_bytes, report.usage.inodes, seconds,
                       static_cast<double>(report.uncompressed_bytes) / kMebibyte / seconds);
}

struct NamedTime {
    const char* name;
    StageTime time;
};

std::array<NamedTime, 5> stages_of(const StageTimes& times) {
    return {{{"read", times.read},
             {"decode", times.decode},
             {"hash", times.hash},
             {"parse", times.parse},
             {"write", times.write}}};
}

// The stages as a tree along the way of the data.
std::string to_tree(const StageTimes& times) {
    constexpr std::array kBranches{"read", "└─ decode", "   ├─ hash", "   └─ parse",
                                   "      └─ write"};
    // Box-drawing characters have three bytes and one column, so {:<} cannot pad them.
    constexpr std::array kPadding{12, 7, 6, 5, 2};
    std::string text = "stage           busy   waits for input   for output (s)\n";
    const auto stages = stages_of(times);
    for (size_t i = 0; i < stages.size(); ++i) {
        const StageTime& time = stages[i].time;
        text += fmt::format("{}{:{}}{:8.3f}{:18.3f}{:13.3f}\n", kBranches[i], "", kPadding[i],
                            time.busy, time.awaiting_input, time.awaiting_output);
    }
    return text;
}

std::string to_json(const UnpackReport& report) {
    nlohmann::ordered_json stages;
    for (const auto& [name, time] : stages_of(report.times)) {
        stages[name] = {{"busy_seconds", time.busy},
                        {"awaiting_input_seconds", time.awaiting_input},
                        {"awaiting_output_seconds", time.awaiting_output}};
    }
    const nlohmann::ordered_json json{
        {"digest", report.diff_id.text()},
        {"entries", report.entries},
        {"uncompressed_bytes", report.uncompressed_bytes},
        {"blob_bytes", report.blob_bytes},
        {"whiteouts", report.whiteouts},
        {"indexed", report.is_indexed},
        {"usage", {{"inodes", report.usage.inodes}, {"size_bytes", report.usage.size_bytes}}},
        {"seconds", report.times.total_seconds},
        {"stages", stages},
    };
    return json.dump() + "\n";
}

// Nothing wanted is no error.
Result<Fd> make_index_file(const std::string& path) {
    return path.empty() ? Fd() : open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
}

// A file that is no index would be in the way of the next try.
void remove_empty_index(const UnpackCommand& command, bool is_indexed) {
    if (!command.index.empty() && !is_indexed) {
        (void)::unlink(command.index.c_str());
    }
}

Status make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
        return fail(errno_error("mkdir", path));
    }
    return {};
}

} // namespace

Result<std::string> run_unpack(const UnpackCommand& command) {
    const std::string path = command.blob == "-" ? "/dev/stdin" : command.blob;
    TRY_ASSIGN(const auto blob, FileBlob::open(path));
    TRY(make_directory(command.directory));
    const auto mode = command.is_upperdir || !command.lowerdirs.empty()
                          ? WhiteoutMode::overlay
                          : WhiteoutMode::delete_in_place;
    TRY_ASSIGN(const Fd index, make_index_file(command.index));
    const UnpackTarget target{command.directory, mode, split_lowerdirs(command.lowerdirs),
                              index.get()};
    const EngineChoice engine = choose_engine(command.engine, command.directory);
    auto report = unpack_layer(
        *blob, Encoding::sniff, target,
        {.writers = command.writers, .engine = engine.kind, .durability = command.durability}, {});
    remove_empty_index(command, report && report->is_indexed);
    if (!report) {
        return fail(with_context(command.blob, report.error()));
    }
    if (command.output == UnpackCommand::Output::json) {
        return to_json(*report);
    }
    const bool has_tree = command.output == UnpackCommand::Output::text_with_timings;
    return to_text(*report) + (has_tree ? to_tree(report->times) : "");
}

} // namespace lamina
