// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "proto/diff.pb.h"
#include "proto/snapshots.pb.h"
#include "snapshotter/core/types.h"

namespace lamina {

namespace types_api = ::containerd::types;
namespace snapshots_api = ::containerd::services::snapshots::v1;
namespace diff_api = ::containerd::services::diff::v1;

using LabelsMessage = google::protobuf::Map<std::string, std::string>;
using MountsMessage = google::protobuf::RepeatedPtrField<types_api::Mount>;
using StringsMessage = google::protobuf::RepeatedPtrField<std::string>;

// Between containerd's messages and our types; nothing is checked or dropped here.
[[nodiscard]] Labels to_labels(const LabelsMessage& message);
[[nodiscard]] Mounts to_mounts(const MountsMessage& message);
[[nodiscard]] Info to_info(const snapshots_api::Info& message);
[[nodiscard]] std::vector<std::string> to_strings(const StringsMessage& message);

void write_labels(const Labels& labels, LabelsMessage& message);
void write_mounts(const Mounts& mounts, MountsMessage& message);
void write_info(const Info& info, snapshots_api::Info& message);

} // namespace lamina
