// SPDX-License-Identifier: Apache-2.0
#include "tests/support/random_entries.h"

#include <memory>
#include <sstream>
#include <tuple>
#include <vector>

#include "tests/support/reference_applier.h"
#include "tests/support/tree.h"

namespace lamina::test {
namespace {

constexpr int64_t kBaseTime = 1'000'000'000;

// Few names, so that entries meet.
rc::Gen<std::string> any_name() {
    const auto component = rc::gen::weightedElement<std::string>(
        {{10, "a"}, {10, "b"}, {10, "c"}, {1, ".."}, {1, "."}});
    const auto depths = rc::gen::resize(rc::kNominalSize, rc::gen::inRange<size_t>(1, 4));
    return rc::gen::map(rc::gen::mapcat(depths,
                                        [=](size_t depth) {
                                            return rc::gen::container<std::vector<std::string>>(
                                                depth, component);
                                        }),
                        [](const std::vector<std::string>& parts) {
                            std::string name;
                            for (const std::string& part : parts) {
                                name += (name.empty() ? "" : "/") + part;
                            }
                            return name;
                        });
}

rc::Gen<std::string> any_link_target() {
    return rc::gen::element<std::string>("a", "b", "c/a", "/a", "/b/c", "../a", "..", "/",
                                         "../../b", "missing");
}

Entry entry_of(char kind, const std::string& name, const std::string& other, int number) {
    switch (kind) {
    case 'd':
        return dir(name, 0700 + static_cast<unsigned>(number % 64)).owner(number, 1);
    case 'l':
        return symlink(other, name);
    case 'h':
        return hard_link(other, name).mode(0600 + static_cast<unsigned>(number % 64));
    case 'w':
        return whiteout(name);
    case 'o':
        return opaque(name);
    case 'p':
        return fifo(name);
    default:
        return file(name, "content " + std::to_string(number)).owner(number, number);
    }
}

} // namespace

rc::Gen<Entry> any_entry() {
    const auto kind = rc::gen::weightedElement<char>(
        {{8, 'f'}, {5, 'd'}, {3, 'l'}, {3, 'h'}, {3, 'w'}, {2, 'o'}, {1, 'p'}});
    return rc::gen::mapcat(kind, [](char chosen) {
        const auto other = chosen == 'l' ? any_link_target() : any_name();
        return rc::gen::map(rc::gen::tuple(any_name(), other, rc::gen::inRange(0, 1000)),
                            [=](const std::tuple<std::string, std::string, int>& drawn) {
                                const auto& [name, second, number] = drawn;
                                Entry entry = entry_of(chosen, name, second, number);
                                if ((chosen == 'f' || chosen == 'd') && number % 4 == 0) {
                                    entry.xattr("user.number", std::to_string(number));
                                }
                                return entry.mtime(kBaseTime + number);
                            });
    });
}

UnpackPlace::UnpackPlace(WhiteoutMode mode, const Tree& earlier) {
    make_tree(temp.path(), {dir("root"), dir("lower")});
    target.root = temp / "root";
    target.whiteouts = mode;
    if (mode == WhiteoutMode::overlay) {
        target.lowerdirs = {temp / "lower"};
    }
    make_tree(mode == WhiteoutMode::overlay ? temp / "lower" : temp / "root", earlier);
}

Tree accepted_entries(const Tree& entries, WhiteoutMode mode, const Tree& earlier) {
    Tree good;
    auto place = std::make_unique<UnpackPlace>(mode, earlier);
    auto reference = std::make_unique<ReferenceApplier>(place->target);
    for (const Entry& entry : entries) {
        if (reference->apply(entry)) {
            good.push_back(entry);
            continue;
        }
        place = std::make_unique<UnpackPlace>(mode, earlier);
        reference = std::make_unique<ReferenceApplier>(place->target);
        for (const Entry& accepted : good) {
            RC_ASSERT(reference->apply(accepted));
        }
    }
    return good;
}

std::string shown(const Tree& entries) {
    std::ostringstream out;
    for (const Entry& entry : entries) {
        out << "\n  " << entry.type << " " << entry.name;
        if (!entry.link.empty()) {
            out << " -> " << entry.link;
        }
    }
    return out.str();
}

} // namespace lamina::test
