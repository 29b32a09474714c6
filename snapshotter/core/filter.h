// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "snapshotter/core/types.h"
#include "unpacker/base/result.h"

namespace re2 {
class RE2;
}

namespace lamina {

// The filters of List, in containerd's language (pkg/filters):
//
//   filter   := selector (',' selector)*            all must match
//   selector := path [operator value]               a path alone: the field is present
//   path     := field ('.' field)*                  field: [A-Za-z0-9_]+ or a quoted string
//   operator := '==' | '!=' | '~='                  ~= searches a regular expression (RE2)
//
// Fields of a snapshot are name, parent, kind and labels.<key>.
class Filter {
  public:
    // One of `filters` must match; no filters match everything. invalid_argument, with the place,
    // for a filter that breaks the grammar.
    static Result<Filter> parse(const std::vector<std::string>& filters);

    [[nodiscard]] bool matches(const Info& info) const;

    enum class Operator { present, equal, not_equal, matches };

    struct Selector {
        std::vector<std::string> path;
        Operator op = Operator::present;
        std::string value;
        std::shared_ptr<const re2::RE2> pattern; // of `matches`; may be a bad one
    };

  private:
    using Conjunction = std::vector<Selector>;
    std::vector<Conjunction> alternatives_;
};

} // namespace lamina
