// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lamina {

// containerd's metadata layer names snapshots "<namespace>/<number>/<client's key>", keys and names
// alike (core/metadata/snapshot.go, createKey). Who talks to the daemon directly may choose any.

// All of a name without a slash.
[[nodiscard]] std::string_view namespace_in(std::string_view name);
// Empty for a name that has not these parts.
[[nodiscard]] std::string_view client_key_in(std::string_view name);

} // namespace lamina
