// SPDX-License-Identifier: Apache-2.0
// Random sequences of calls, compared with a model that is a map.
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h> // needs gtest's before it

#include "tests/snapshotter/core/snapshotter_fixture.h"

namespace lamina {
namespace {

struct Node {
    Kind kind;
    std::string parent;
    Labels labels;
    bool operator==(const Node&) const = default;
};

// What the calls should answer; 0 for success.
class Model {
  public:
    ErrorCode create(Kind kind, const std::string& key, const std::string& parent,
                     const Labels& l) {
        if (!parent.empty() && !nodes_.contains(parent)) {
            return ErrorCode::not_found;
        }
        if (!parent.empty() && nodes_.at(parent).kind != Kind::committed) {
            return ErrorCode::invalid_argument;
        }
        if (nodes_.contains(key)) {
            return ErrorCode::already_exists;
        }
        nodes_[key] = {kind, parent, l};
        return {};
    }

    ErrorCode commit(const std::string& name, const std::string& key, const std::string& parent) {
        if (!nodes_.contains(key)) {
            return ErrorCode::not_found;
        }
        if (nodes_.contains(name)) {
            return ErrorCode::already_exists;
        }
        Node node = nodes_.at(key);
        if (node.kind != Kind::active) {
            return ErrorCode::failed_precondition;
        }
        if (const auto wrong = check_parent(node, parent); wrong != ErrorCode{}) {
            return wrong;
        }
        nodes_.erase(key);
        nodes_[name] = {Kind::committed, parent.empty() ? node.parent : parent, {}};
        return {};
    }

    ErrorCode remove(const std::string& key) {
        if (!nodes_.contains(key)) {
            return ErrorCode::not_found;
        }
        for (const auto& [name, node] : nodes_) {
            if (node.parent == key) {
                return ErrorCode::failed_precondition;
            }
        }
        nodes_.erase(key);
        return {};
    }

    ErrorCode relabel(const std::string& key, const Labels& labels) {
        if (!nodes_.contains(key)) {
            return ErrorCode::not_found;
        }
        nodes_[key].labels = labels;
        return {};
    }

    [[nodiscard]] const std::map<std::string, Node>& nodes() const { return nodes_; }

  private:
    [[nodiscard]] ErrorCode check_parent(const Node& node, const std::string& parent) const {
        if (parent.empty()) {
            return {};
        }
        if (!node.parent.empty() && node.parent != parent) {
            return ErrorCode::invalid_argument;
        }
        if (!nodes_.contains(parent)) {
            return ErrorCode::not_found;
        }
        return nodes_.at(parent).kind == Kind::committed ? ErrorCode{}
                                                         : ErrorCode::failed_precondition;
    }

    std::map<std::string, Node> nodes_;
};

template <class T>
ErrorCode code(const Result<T>& result) {
    return result ? ErrorCode{} : result.error().code;
}

rc::Gen<std::string> name() {
    return rc::gen::element<std::string>("a", "b", "c", "d", "e");
}

rc::Gen<std::string> name_or_none() {
    return rc::gen::element<std::string>("", "", "a", "b", "c", "d", "e");
}

rc::Gen<Labels> labels() {
    return rc::gen::element<Labels>(Labels{}, Labels{{"x", "1"}}, Labels{{"y", "2"}, {"z", "3"}});
}

void random_call(OverlaySnapshotter& snapshotter, Model& model) {
    const auto key = *name();
    const auto other = *name_or_none();
    const auto chosen = *labels();
    switch (*rc::gen::inRange(0, 6)) {
    case 0:
    case 1:
        RC_ASSERT(code(snapshotter.prepare(key, other, chosen)) ==
                  model.create(Kind::active, key, other, chosen));
        return;
    case 2:
        RC_ASSERT(code(snapshotter.view(key, other, chosen)) ==
                  model.create(Kind::view, key, other, chosen));
        return;
    case 3: {
        const auto target = *name();
        RC_ASSERT(code(snapshotter.commit(target, key, {}, other)) ==
                  model.commit(target, key, other));
        return;
    }
    case 4:
        RC_ASSERT(code(snapshotter.remove(key)) == model.remove(key));
        return;
    default: {
        Info info;
        info.name = key;
        info.labels = chosen;
        RC_ASSERT(code(snapshotter.update(info, {})) == model.relabel(key, chosen));
    }
    }
}

std::map<std::string, Node> nodes_of(OverlaySnapshotter& snapshotter) {
    std::map<std::string, Node> nodes;
    RC_ASSERT(snapshotter
                  .walk({},
                        [&](const Info& info) -> Status {
                            nodes[info.name] = {info.kind, info.parent, info.labels};
                            return {};
                        })
                  .has_value());
    return nodes;
}

RC_GTEST_PROP(SnapshotterProperty, AnswersLikeTheModel, ()) {
    if (!test::is_root()) {
        RC_DISCARD("needs root");
    }
    const test::TempDir work;
    OverlayOptions options;
    options.root = work / "root";
    auto opened = test::open_snapshotter(options);
    RC_ASSERT(opened.has_value());
    Model model;
    const int calls = *rc::gen::inRange(1, 60);
    for (int i = 0; i < calls; ++i) {
        random_call(**opened, model);
    }
    RC_ASSERT(nodes_of(**opened) == model.nodes());
    opened->reset(); // what was answered is what is there after a restart
    opened = test::open_snapshotter(options);
    RC_ASSERT(opened.has_value());
    RC_ASSERT(nodes_of(**opened) == model.nodes());
    const auto directories = static_cast<size_t>(test::count_entries(options.root + "/snapshots"));
    RC_ASSERT(directories == model.nodes().size() + 1); // and "empty"
}

} // namespace
} // namespace lamina
