// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/convert.h"

#include <algorithm>
#include <chrono>

namespace lamina {
namespace {

static_assert(static_cast<int>(Kind::view) == snapshots_api::VIEW);
static_assert(static_cast<int>(Kind::active) == snapshots_api::ACTIVE);
static_assert(static_cast<int>(Kind::committed) == snapshots_api::COMMITTED);

using std::chrono::nanoseconds;
using std::chrono::seconds;

// About as far from 1970 as 64 bits of nanoseconds reach (the years 1684 and 2255). containerd's
// Update carries Go's zero time, the year 1, in fields that it does not mean to set.
constexpr int64_t kReach = 9'000'000'000;

Timestamp to_timestamp(const google::protobuf::Timestamp& message) {
    auto whole = seconds(std::clamp<int64_t>(message.seconds(), -kReach, kReach));
    auto since_epoch = whole + nanoseconds(message.nanos());
    return Timestamp(std::chrono::duration_cast<Timestamp::duration>(since_epoch));
}

// `nanos` counts forward from `seconds`, also before 1970: hence floor.
void write_timestamp(Timestamp time, google::protobuf::Timestamp& message) {
    auto whole = std::chrono::floor<seconds>(time);
    message.set_seconds(whole.time_since_epoch().count());
    message.set_nanos(static_cast<int32_t>(nanoseconds(time - whole).count()));
}

} // namespace

Labels to_labels(const LabelsMessage& message) {
    return {message.begin(), message.end()};
}

std::vector<std::string> to_strings(const StringsMessage& message) {
    return {message.begin(), message.end()};
}

Mounts to_mounts(const MountsMessage& message) {
    Mounts mounts;
    for (const types_api::Mount& mount : message) {
        mounts.push_back(
            {mount.type(), mount.source(), mount.target(), to_strings(mount.options())});
    }
    return mounts;
}

Info to_info(const snapshots_api::Info& message) {
    return {.name = message.name(),
            .parent = message.parent(),
            .kind = static_cast<Kind>(message.kind()),
            .labels = to_labels(message.labels()),
            .created = to_timestamp(message.created_at()),
            .updated = to_timestamp(message.updated_at())};
}

void write_labels(const Labels& labels, LabelsMessage& message) {
    message.insert(labels.begin(), labels.end());
}

void write_mounts(const Mounts& mounts, MountsMessage& message) {
    for (const Mount& mount : mounts) {
        types_api::Mount& added = *message.Add();
        added.set_type(mount.type);
        added.set_source(mount.source);
        added.set_target(mount.target);
        added.mutable_options()->Assign(mount.options.begin(), mount.options.end());
    }
}

void write_info(const Info& info, snapshots_api::Info& message) {
    message.set_name(info.name);
    message.set_parent(info.parent);
    message.set_kind(static_cast<snapshots_api::Kind>(info.kind));
    write_timestamp(info.created, *message.mutable_created_at());
    write_timestamp(info.updated, *message.mutable_updated_at());
    write_labels(info.labels, *message.mutable_labels());
}

} // namespace lamina
