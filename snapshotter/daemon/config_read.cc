// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <toml++/toml.h>
#include <unistd.h>

#include "snapshotter/daemon/config_keys.h"
#include "unpacker/base/fd.h"

namespace lamina {
namespace {

// Why a node cannot be a member's value; nothing when it was taken over.
using Complaint = std::optional<std::string>;

Complaint take(const toml::node& node, std::string& value) {
    if (auto text = node.value_exact<std::string>()) {
        value = *text;
        return std::nullopt;
    }
    return "must be a string";
}

// Only IPv4: Debian builds the HTTP server of prometheus-cpp without IPv6. A name would have to be
// resolved, by whoever answers at start.
bool is_host_and_port(const std::string& text) {
    const size_t colon = std::min(text.find(':'), text.size());
    const char* end = text.data() + text.size();
    in_addr host{};
    uint16_t port = 0;
    const auto number = std::from_chars(std::min(text.data() + colon + 1, end), end, port);
    return ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &host) == 1 &&
           number.ec == std::errc() && number.ptr == end;
}

Complaint take(const toml::node& node, std::string& value, HostAndPort) {
    const auto text = node.value_exact<std::string>();
    if (!text || (!text->empty() && !is_host_and_port(*text))) {
        return "must be \"\" or an IPv4 address and a port, as \"127.0.0.1:9999\"";
    }
    value = *text;
    return std::nullopt;
}

Complaint take(const toml::node& node, bool& value) {
    if (auto truth = node.value_exact<bool>()) {
        value = *truth;
        return std::nullopt;
    }
    return "must be true or false";
}

Complaint take(const toml::node& node, unsigned& value, Range range) {
    auto number = node.value_exact<int64_t>();
    if (!number || *number < range.min || *number > range.max) {
        return fmt::format("must be a whole number from {} to {}", range.min, range.max);
    }
    value = static_cast<unsigned>(*number);
    return std::nullopt;
}

Complaint take(const toml::node& node, log::Level& value) {
    auto level = log::parse_level(node.value_exact<std::string>().value_or(""));
    if (!level) {
        return "must be trace, debug, info, warn or error";
    }
    value = *level;
    return std::nullopt;
}

Complaint take(const toml::node& node, EngineWish& value) {
    auto wish = parse_engine_wish(node.value_exact<std::string>().value_or(""));
    if (!wish) {
        return "must be auto, threads or io_uring";
    }
    value = *wish;
    return std::nullopt;
}

Complaint take(const toml::node& node, Durability& value) {
    auto durability = parse_durability(node.value_exact<std::string>().value_or(""));
    if (!durability) {
        return "must be none or layer";
    }
    value = *durability;
    return std::nullopt;
}

Complaint take(const toml::node& node, LookaheadMode& value) {
    const std::string mode = node.value_exact<std::string>().value_or("");
    if (mode != "auto" && mode != "off") {
        return "must be auto or off";
    }
    value = mode == "off" ? LookaheadMode::off : LookaheadMode::automatic;
    return std::nullopt;
}

Complaint take(const toml::node& node, SquashMode& value) {
    auto mode = parse_squash_mode(node.value_exact<std::string>().value_or(""));
    if (!mode) {
        return "must be off, auto or always";
    }
    value = *mode;
    return std::nullopt;
}

Complaint take(const toml::node& node, LeafSource& value) {
    auto backend = parse_squash_backend(node.value_exact<std::string>().value_or(""));
    if (!backend) {
        return "must be hardlink, reflink or copy";
    }
    value = *backend;
    return std::nullopt;
}

Complaint take(const toml::node& node, std::vector<std::string>& value) {
    if (!node.is_array() || !(node.as_array()->empty() || node.is_homogeneous<std::string>())) {
        return "must be an array of strings";
    }
    value.clear();
    for (const toml::node& item : *node.as_array()) {
        value.push_back(*item.value_exact<std::string>());
    }
    return std::nullopt;
}

// Fills the members that the file names and remembers which keys and sections there are.
class Reader {
  public:
    Reader(const toml::table& file, std::string_view path) : file_(file), path_(path) {}

    template <class T, class... Bounds>
    void operator()(std::string_view section, std::string_view key, T& member, Bounds... bounds) {
        known_.emplace(section, key);
        const toml::table* table = section.empty() ? &file_ : file_[section].as_table();
        const toml::node* node = table == nullptr ? nullptr : table->get(key);
        if (node == nullptr) {
            return;
        }
        if (Complaint complaint = take(*node, member, bounds...)) {
            refuse(node->source().begin, fmt::format("\"{}\" {}", key, *complaint));
        }
    }

    // After the last key.
    Status finish() {
        for (auto&& [key, node] : file_) {
            check_top(key, node);
        }
        return std::move(result_);
    }

  private:
    void check_top(const toml::key& key, const toml::node& node) {
        auto section = known_.lower_bound({key.str(), ""});
        bool is_section = section != known_.end() && section->first == key.str();
        if (is_section && node.is_table()) {
            check_section(key.str(), *node.as_table());
        } else if (is_section) {
            refuse(node.source().begin, fmt::format("\"{}\" must be a table", key.str()));
        } else if (!known_.contains({"", key.str()})) {
            refuse(key.source().begin, fmt::format("unknown key \"{}\"", key.str()));
        }
    }

    void check_section(std::string_view section, const toml::table& table) {
        for (auto&& [key, node] : table) {
            if (!known_.contains({section, key.str()})) {
                refuse(key.source().begin,
                       fmt::format("unknown key \"{}\" in [{}]", key.str(), section));
            }
        }
    }

    // The first complaint is the one that is reported.
    void refuse(toml::source_position at, std::string_view what) {
        if (result_) {
            result_ = fail(ErrorCode::invalid_argument,
                           fmt::format("{}:{}:{}: {}", path_, at.line, at.column, what));
        }
    }

    const toml::table& file_;
    std::string_view path_;
    std::set<std::pair<std::string_view, std::string_view>> known_; // section, key
    Status result_;
};

// Not toml::parse_file(), which takes a directory for an empty file.
Result<std::string> read_text(const std::string& path) {
    TRY_ASSIGN(Fd file, open_file(path, O_RDONLY));
    std::string text;
    std::array<char, 4096> buffer{};
    for (;;) {
        ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
        if (count < 0) {
            return fail(errno_error("read", path));
        }
        if (count == 0) {
            return text;
        }
        text.append(buffer.data(), static_cast<size_t>(count));
    }
}

} // namespace

Result<Config> read_config(const std::string& path) {
    TRY_ASSIGN(std::string text, read_text(path));
    try {
        toml::table file = toml::parse(text, path);
        Config config;
        Reader reader(file, path);
        visit_config_keys(config, reader);
        TRY(reader.finish());
        return config;
    } catch (const toml::parse_error& error) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("{}:{}:{}: {}", path, error.source().begin.line,
                                error.source().begin.column, error.description()));
    }
}

} // namespace lamina
