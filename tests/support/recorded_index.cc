// SPDX-License-Identifier: Apache-2.0
#include "tests/support/recorded_index.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "unpacker/index/index_tree.h"

namespace lamina::test {
namespace {

constexpr const char* kName = "index";

std::string shown(const std::optional<Sha256Hash>& hash) {
    return hash ? Digest::from_sha256(*hash).text() : "none";
}

} // namespace

RecordedIndex::RecordedIndex()
    : file_(*open_file(temp_ / kName, O_WRONLY | O_CREAT | O_EXCL, 0600)) {}

Result<LayerIndex> RecordedIndex::load() const {
    TRY_ASSIGN(const Fd directory, open_directory(temp_.path()));
    return load_index(directory.get(), kName);
}

std::string RecordedIndex::difference(const std::string& root) const {
    const auto recorded = load();
    if (!recorded) {
        return recorded.error().message;
    }
    const auto directory = open_directory(root);
    const auto walked =
        directory ? index_tree(directory->get(), OverlayXattrs::trusted) : fail(directory.error());
    if (!walked) {
        return walked.error().message;
    }
    if (recorded->bytes() == walked->bytes()) {
        return "";
    }
    return "recorded:\n" + shown(*recorded) + "walked:\n" + shown(*walked);
}

std::string shown(const LayerIndex& index) {
    std::string text;
    IndexReader reader(index);
    while (const IndexEntry* const entry = reader.next()) {
        text += fmt::format("/{} type={} size={} {:o} {}:{} {}.{:09} device={} target={} group={} "
                            "opaque={} xattrs={}\n",
                            entry->path, static_cast<int>(entry->type), entry->size_bytes,
                            entry->mode, entry->uid, entry->gid, entry->modify_time.tv_sec,
                            entry->modify_time.tv_nsec, entry->device, entry->target,
                            entry->link_group, entry->is_opaque, shown(entry->xattrs));
    }
    return text;
}

} // namespace lamina::test
