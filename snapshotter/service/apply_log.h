// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "unpacker/base/result.h"
#include "unpacker/pipeline/report.h"

namespace lamina {

struct LayerToApply;

// Where the tree of an applied layer comes from.
enum class LayerOrigin { unpacked, staged, cloned };

// The one line of the log that each Apply has, into the snapshot `key`.
void log_applied(const LayerToApply& layer, const std::string& key, const UnpackReport& report,
                 LayerOrigin origin);
void log_failed(const LayerToApply& layer, const std::string& key, const Error& error);

} // namespace lamina
