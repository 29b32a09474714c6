// SPDX-License-Identifier: Apache-2.0
#include "tests/unpacker/merge/random_layers.h"

#include <map>
#include <tuple>

namespace lamina::test {
namespace {

constexpr size_t kEntriesMax = 12;

struct Drawn {
    char kind = 'f';
    std::vector<std::string> path;
    int number = 0;
};

// From the first case on: small layers hide too little from each other.
template <class T>
rc::Gen<T> full_size(rc::Gen<T> gen) {
    return rc::gen::resize(rc::kNominalSize, std::move(gen));
}

rc::Gen<std::vector<std::string>> any_path() {
    const auto name = rc::gen::weightedElement<std::string>({{12, "a"},
                                                             {12, "b"},
                                                             {8, "c"},
                                                             {1, "a-b"},
                                                             {1, "line\nfeed"},
                                                             {1, "foo.wh.bar"},
                                                             {1, "\xff\xfe"},
                                                             {1, std::string(255, 'n')}});
    return rc::gen::mapcat(full_size(rc::gen::inRange<size_t>(1, 5)), [=](size_t depth) {
        return rc::gen::container<std::vector<std::string>>(depth, name);
    });
}

rc::Gen<Drawn> any_drawn() {
    const auto kind = rc::gen::weightedElement<char>(
        {{8, 'f'}, {6, 'd'}, {4, 'w'}, {3, 'o'}, {3, 'h'}, {2, 'l'}, {1, 'p'}, {1, 'c'}});
    return rc::gen::map(rc::gen::tuple(kind, any_path(), full_size(rc::gen::inRange(0, 1000))),
                        [](const std::tuple<char, std::vector<std::string>, int>& drawn) {
                            return Drawn{std::get<0>(drawn), std::get<1>(drawn),
                                         std::get<2>(drawn)};
                        });
}

Entry entry_of(const Drawn& drawn, const std::string& path) {
    switch (drawn.kind) {
    case 'd':
        return dir(path, 0700 + static_cast<unsigned>(drawn.number % 64));
    case 'o':
        return dir(path).xattr("trusted.overlay.opaque", "y");
    case 'w':
        return char_device(path, 0, 0);
    case 'l':
        return symlink("a/" + std::to_string(drawn.number), path);
    case 'p':
        return fifo(path);
    case 'c':
        return char_device(path, 1, 3);
    default:
        return file(path, "content " + std::to_string(drawn.number), 0600);
    }
}

// Metadata of many kinds, and what overlayfs leaves behind in an upper.
void decorate(Entry& entry, int number) {
    entry.owner(number % 7, number % 5)
        .mtime(number * 1'000'000LL - 300'000'000, 1000U + static_cast<unsigned>(number));
    const bool can_have_user = entry.type == '0' || entry.type == '5';
    if (can_have_user && number % 4 == 0) {
        entry.xattr("user.number", std::to_string(number));
    }
    if (can_have_user && number % 9 == 0) {
        entry.xattr("trusted.overlay.origin", "not a handle");
    }
    if (entry.type == '0' && number % 11 == 0) {
        entry.mode(04755);
    }
    if (entry.type == '5' && number % 6 == 0) {
        entry.xattr("trusted.overlay.impure", "y");
    }
}

class LayerTree {
  public:
    void add(const Drawn& drawn) {
        std::string path;
        for (size_t i = 0; i + 1 < drawn.path.size(); ++i) {
            path += (i == 0 ? "" : "/") + drawn.path[i];
            if (links_.contains(path) ||
                entries_.try_emplace(path, dir(path)).first->second.type != '5') {
                return; // something else is in the way
            }
        }
        path += (path.empty() ? "" : "/") + drawn.path.back();
        if (drawn.kind == 'h') {
            add_link(path, static_cast<size_t>(drawn.number));
        } else if (!entries_.contains(path) && !links_.contains(path)) {
            add_new(drawn, path);
        }
    }

    [[nodiscard]] Tree entries() const {
        Tree tree;
        for (const auto& [unused, entry] : entries_) {
            tree.push_back(entry);
        }
        for (const auto& [unused, link] : links_) {
            tree.push_back(link);
        }
        return tree;
    }

  private:
    void add_new(const Drawn& drawn, const std::string& path) {
        Entry entry = entry_of(drawn, path);
        decorate(entry, drawn.number);
        if (entry.type == '0') {
            files_.push_back(entry);
        }
        entries_.emplace(path, std::move(entry));
    }

    // Another name for one of the files: it has the metadata of all.
    void add_link(const std::string& path, size_t which) {
        if (files_.empty() || entries_.contains(path) || links_.contains(path)) {
            return;
        }
        Entry link = files_[which % files_.size()];
        link.type = '1';
        link.link = link.name;
        link.name = path;
        links_.emplace(path, std::move(link));
    }

    std::map<std::string, Entry> entries_;
    std::map<std::string, Entry> links_;
    Tree files_;
};

} // namespace

rc::Gen<Tree> any_layer_tree() {
    const auto sizes = full_size(rc::gen::inRange<size_t>(0, kEntriesMax + 1));
    return rc::gen::map(
        rc::gen::mapcat(
            sizes,
            [](size_t size) { return rc::gen::container<std::vector<Drawn>>(size, any_drawn()); }),
        [](const std::vector<Drawn>& all) {
            LayerTree tree;
            for (const Drawn& drawn : all) {
                tree.add(drawn);
            }
            return tree.entries();
        });
}

} // namespace lamina::test
