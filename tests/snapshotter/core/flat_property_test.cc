// SPDX-License-Identifier: Apache-2.0
// Random chains of layers show the same through their mounts and through all of their layers,
// whichever of them have flat trees, over whatever base. LAMINA_PROPERTY_CHAINS says how many.
#include <cstdlib>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/snapshotter/core/squash_fixture.h"
#include "tests/unpacker/merge/random_layers.h"

namespace lamina {
namespace {

constexpr size_t kLayersMax = 8;
constexpr const char* kChains = LAMINA_PROPERTY_CHAINS;

class FlatChains : public test::SquashTest {
  protected:
    void start_anew() {
        snapshotter_.reset();
        options_.root = work_ / ("root" + std::to_string(++chains_));
        reopen_with(test::kSquashAll);
        last_id_ = 0;
        names_.clear();
    }

    // Layers with or without a flat tree, each the first or the last that its daemon commits.
    void add_random_layers(size_t count) {
        for (size_t i = 0; i < count; ++i) {
            const std::string name = std::to_string(i);
            const bool squashes = *rc::gen::arbitrary<bool>();
            const bool restarts = *rc::gen::weightedElement<bool>({{1, true}, {3, false}});
            if (restarts) {
                SquashOptions options = test::kSquashAll;
                options.keep_base = *rc::gen::inRange(0U, 3U);
                options.backend = *rc::gen::element(LeafSource::hard_link, LeafSource::copy);
                reopen_with(options);
            }
            add_layer(name, names_.empty() ? "" : names_.back(), *test::any_layer_tree(),
                      {{test::kSquashLabel, squashes ? "always" : "off"}});
            names_.push_back(name);
            RC_LOG() << name << " squash " << squashes << " base " << options_.squash.keep_base
                     << "\n";
        }
    }

    // From the lowest up, and then once more: nothing that was seen has changed.
    void check_chain() {
        for (int round = 0; round < 2; ++round) {
            for (size_t i = 1; i < names_.size(); ++i) {
                const auto trees = seen(names_[i]);
                RC_LOG() << "view of " << names_[i] << ": " << trees.size() << " trees\n";
                RC_ASSERT(show(trees) == raw_manifest(names_[i]));
                flat_seen_ += trees.front() == flat(names_[i]) ? 1 : 0;
                RC_ASSERT(round == 0 || trees == seen_[names_[i]]);
                seen_[names_[i]] = trees;
            }
            reopen();
        }
    }

    std::vector<std::string> names_;
    std::map<std::string, std::vector<std::string>> seen_;
    int chains_ = 0;
    int flat_seen_ = 0;
};

TEST_F(FlatChains, ShowWhatTheirLayersShow) {
    const char* const wanted = std::getenv("LAMINA_PROPERTY_CHAINS");
    const std::string chains = wanted != nullptr ? wanted : kChains;
    setenv("RC_PARAMS", ("seed=5 max_success=" + chains).c_str(), 0);
    EXPECT_TRUE(rc::check([&] {
        start_anew();
        const auto count =
            *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<size_t>(2, kLayersMax + 1));
        add_random_layers(count);
        check_chain();
    }));
    EXPECT_GT(flat_seen_, 0);
}

} // namespace
} // namespace lamina
