// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/core/filter_parser.h"

#include <fmt/format.h>
#include <re2/re2.h>

namespace lamina {
namespace {

// Go's unicode classes, by RE2. Graphic is letters, marks, numbers, punctuation and symbols.
const RE2& well_formed() {
    static const RE2 pattern(R"([^\x00]*)");
    return pattern;
}
const RE2& space() {
    static const RE2 pattern(R"([\t\n\v\f\r\x{85}\pZ]*)");
    return pattern;
}
const RE2& bare_field() {
    static const RE2 pattern(R"(([A-Za-z0-9_]+))");
    return pattern;
}
const RE2& operator_runes() {
    static const RE2 pattern(R"(([=!~]+))");
    return pattern;
}
const RE2& bare_value() {
    static const RE2 pattern(R"(((?:[\pL\pM\pN\pS]|[^\PP,])+))");
    return pattern;
}

class Parser {
  public:
    explicit Parser(const std::string& text) : text_(text), rest_(text) {}

    Result<std::vector<Filter::Selector>> selectors() {
        std::vector<Filter::Selector> found;
        if (!RE2::FullMatch(text_, well_formed())) {
            return fail(unexpected("UTF-8 without NUL"));
        }
        if (rest_.empty()) {
            return found;
        }
        do {
            TRY_ASSIGN(auto one, selector());
            found.push_back(std::move(one));
        } while (take(','));
        if (!rest_.empty()) {
            return fail(unexpected("',' or the end"));
        }
        return found;
    }

  private:
    Result<Filter::Selector> selector() {
        Filter::Selector selector;
        TRY_ASSIGN(selector.path, path());
        if (rest_.empty() || rest_[0] == ',') {
            return selector;
        }
        TRY_ASSIGN(selector.op, op());
        TRY_ASSIGN(selector.value, value(selector.op));
        if (selector.op == Filter::Operator::matches) {
            selector.pattern = std::make_shared<RE2>(selector.value, RE2::Quiet);
        }
        return selector;
    }

    Result<std::vector<std::string>> path() {
        std::vector<std::string> path;
        do {
            TRY_ASSIGN(auto one, field());
            path.push_back(std::move(one));
        } while (take('.'));
        return path;
    }

    Result<std::string> field() {
        skip_space();
        if (next_is("\"")) {
            return quoted();
        }
        std::string field;
        if (!consume(bare_field(), &field)) {
            return fail(unexpected("a field"));
        }
        return field;
    }

    // All operator runes in a row are one operator: "===" is an unknown one.
    Result<Filter::Operator> op() {
        skip_space();
        const Error error = unexpected("'==', '!=' or '~='");
        std::string runes;
        consume(operator_runes(), &runes);
        if (runes == "==") {
            return Filter::Operator::equal;
        }
        if (runes == "!=") {
            return Filter::Operator::not_equal;
        }
        if (runes == "~=") {
            return Filter::Operator::matches;
        }
        return fail(error);
    }

    // '/' and '|' are quotes too, so that expressions need fewer escapes; only after '~='.
    Result<std::string> value(Filter::Operator op) {
        skip_space();
        if (next_is("\"") || (op == Filter::Operator::matches && next_is("/|"))) {
            return quoted();
        }
        std::string value;
        if (next_is("/|.=!~") || !consume(bare_value(), &value)) {
            return fail(unexpected("a value"));
        }
        return value;
    }

    Result<std::string> quoted() {
        const Error start = unexpected("a quoted string");
        std::string_view text(rest_.data(), rest_.size());
        auto literal = take_quoted(text);
        if (!literal) {
            return fail(with_context(start.message, literal.error()));
        }
        rest_ = text;
        return literal;
    }

    void skip_space() { RE2::Consume(&rest_, space()); }
    bool consume(const RE2& pattern, std::string* found) {
        return RE2::Consume(&rest_, pattern, found);
    }
    bool next_is(std::string_view characters) const {
        return !rest_.empty() && characters.find(rest_[0]) != std::string_view::npos;
    }
    bool take(char wanted) {
        if (rest_.empty() || rest_[0] != wanted) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }

    Error unexpected(std::string_view wanted) const {
        return {ErrorCode::invalid_argument, 0,
                fmt::format("filter '{}' at {}: expected {}", text_, text_.size() - rest_.size(),
                            wanted)};
    }

    const std::string& text_;
    re2::StringPiece rest_;
};

} // namespace

Result<std::vector<Filter::Selector>> parse_selectors(const std::string& text) {
    return Parser(text).selectors();
}

} // namespace lamina
