// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include <toml++/toml.h>

#include "snapshotter/daemon/config_keys.h"

namespace lamina {
namespace {

std::string to_toml(const std::string& value) {
    return value;
}
bool to_toml(bool value) {
    return value;
}
int64_t to_toml(unsigned value) {
    return value;
}
std::string to_toml(log::Level value) {
    for (const char* name : {"trace", "debug", "info", "warn"}) {
        if (log::parse_level(name) == value) {
            return name;
        }
    }
    return "error";
}
std::string to_toml(EngineWish value) {
    return std::string(name_of(value));
}
std::string to_toml(Durability value) {
    return std::string(name_of(value));
}
std::string to_toml(LookaheadMode value) {
    return value == LookaheadMode::off ? "off" : "auto";
}
std::string to_toml(SquashMode value) {
    return std::string(name_of(value));
}
std::string to_toml(LeafSource value) {
    return std::string(name_of(value));
}
toml::array to_toml(const std::vector<std::string>& values) {
    toml::array array;
    for (const std::string& value : values) {
        array.push_back(value);
    }
    return array;
}

} // namespace

std::string print_config(const Config& config) {
    toml::table file;
    visit_config_keys(config,
                      [&](const char* section, const char* key, const auto& value, auto...) {
                          toml::table* table = &file;
                          if (*section != '\0') {
                              table = file.insert(section, toml::table()).first->second.as_table();
                          }
                          table->insert(key, to_toml(value));
                      });
    std::ostringstream text;
    text << toml::toml_formatter(file) << '\n';
    return text.str();
}

} // namespace lamina
