// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "snapshotter/core/mount_plan.h"
#include "tests/support/temp_dir.h"

namespace lamina {
namespace {

using Options = std::vector<std::string>;

class MountPlan : public testing::Test {
  protected:
    Mount plan(Kind kind, const std::vector<LowerTree>& lowers,
               const FrozenMounts& frozen = {}) const {
        SnapshotRecord record;
        record.id = 7;
        record.info.kind = kind;
        const Mounts mounts = plan_mounts(*layout_, record, frozen, lowers);
        EXPECT_EQ(mounts.size(), 1U);
        EXPECT_EQ(mounts.front().target, "");
        return mounts.front();
    }
    std::string fs(int id) const {
        return root_.path() + "/snapshots/" + std::to_string(id) + "/fs";
    }
    std::string work(int id) const {
        return root_.path() + "/snapshots/" + std::to_string(id) + "/work";
    }

    test::TempDir root_;
    Result<Layout> layout_ = Layout::open(root_.path());
};

const FrozenMounts kAllOptions{false, {"uidmap=0:1:2", "gidmap=0:3:4"}, {"x", "index=off"}};

TEST_F(MountPlan, ActiveWithoutParentIsAWritableBind) {
    EXPECT_EQ(plan(Kind::active, {}), (Mount{"bind", fs(7), "", {"rw", "rbind"}}));
}

TEST_F(MountPlan, ViewWithoutParentIsAReadOnlyBindOfItsOwnDirectory) {
    EXPECT_EQ(plan(Kind::view, {}), (Mount{"bind", fs(7), "", {"ro", "rbind"}}));
}

TEST_F(MountPlan, ViewOfOneParentIsAReadOnlyBindOfTheParent) {
    EXPECT_EQ(plan(Kind::view, {{3}}), (Mount{"bind", fs(3), "", {"ro", "rbind"}}));
}

TEST_F(MountPlan, ViewOfTwoParentsIsAnOverlayWithoutUpperdir) {
    EXPECT_EQ(plan(Kind::view, {{3}, {1}}),
              (Mount{"overlay", "overlay", "", {"lowerdir=" + fs(3) + ":" + fs(1)}}));
}

TEST_F(MountPlan, ActiveWithOneParentIsAnOverlay) {
    EXPECT_EQ(plan(Kind::active, {{3}}),
              (Mount{"overlay",
                     "overlay",
                     "",
                     {"workdir=" + work(7), "upperdir=" + fs(7), "lowerdir=" + fs(3)}}));
}

TEST_F(MountPlan, ActiveWithTwoParentsListsNearestLowerdirFirst) {
    EXPECT_EQ(plan(Kind::active, {{3}, {1}}).options.back(), "lowerdir=" + fs(3) + ":" + fs(1));
}

TEST_F(MountPlan, FlatTreeStandsBesideTheFilesOfItsSnapshot) {
    const std::string flat = root_.path() + "/snapshots/3/flat";
    EXPECT_EQ(plan(Kind::active, {{3, true}, {1}}).options.back(),
              "lowerdir=" + flat + ":" + fs(1));
    EXPECT_EQ(plan(Kind::view, {{3, true}}), (Mount{"bind", flat, "", {"ro", "rbind"}}));
}

TEST_F(MountPlan, OptionsStandAroundTheDirectories) {
    EXPECT_EQ(plan(Kind::active, {{3}}, kAllOptions).options,
              (Options{"uidmap=0:1:2", "gidmap=0:3:4", "workdir=" + work(7), "upperdir=" + fs(7),
                       "lowerdir=" + fs(3), "x", "index=off"}));
    EXPECT_EQ(plan(Kind::view, {{3}, {1}}, kAllOptions).options,
              (Options{"uidmap=0:1:2", "gidmap=0:3:4", "lowerdir=" + fs(3) + ":" + fs(1), "x",
                       "index=off"}));
}

TEST_F(MountPlan, BindsHaveIdMappingsButNoOverlayOptions) {
    EXPECT_EQ(plan(Kind::active, {}, kAllOptions).options,
              (Options{"uidmap=0:1:2", "gidmap=0:3:4", "rw", "rbind"}));
    EXPECT_EQ(plan(Kind::view, {{3}}, kAllOptions).options,
              (Options{"uidmap=0:1:2", "gidmap=0:3:4", "ro", "rbind"}));
}

TEST_F(MountPlan, RebaseCandidateIsAnOverlayOnAnEmptyLower) {
    EXPECT_EQ(plan(Kind::active, {}, {true, {}, {}}),
              (Mount{"overlay",
                     "overlay",
                     "",
                     {"workdir=" + work(7), "upperdir=" + fs(7),
                      "lowerdir=" + root_.path() + "/snapshots/empty"}}));
}

const Labels kRef = {{"containerd.io/snapshot.ref", "sha256:1"}};
const Labels kBase = {{"containerd.io/snapshot.ref", "sha256:1"},
                      {"containerd.io/snapshot/diff-id", "sha256:2"}};
const Labels kUpper = {{"containerd.io/snapshot.ref", "sha256:1"},
                       {"containerd.io/snapshot/diff-id", "sha256:2"},
                       {"containerd.io/snapshot/parent-chain-id", "sha256:3"}};

bool is_candidate(const std::string& key, const Labels& labels, const std::string& parent = {},
                  Kind kind = Kind::active) {
    return is_rebase_candidate({kind, key, parent, labels, {}, {}});
}

TEST(RebaseCandidate, IsAnUnpackedLayerThatHasAParentSomewhere) {
    EXPECT_TRUE(is_candidate("default/3/extract-1 sha256:1", kUpper));
}

TEST(RebaseCandidate, IsNotTheBaseLayer) {
    EXPECT_FALSE(is_candidate("default/3/extract-1 sha256:1", kBase));
}

TEST(RebaseCandidate, MayBeAnyLayerOfAClientThatDoesNotTell) {
    EXPECT_TRUE(is_candidate("default/3/extract-1 sha256:1", kRef));
}

TEST(RebaseCandidate, IsNothingElse) {
    EXPECT_FALSE(is_candidate("default/3/extract-1 sha256:1", {}));
    EXPECT_FALSE(is_candidate("default/3/container", kUpper));
    EXPECT_FALSE(is_candidate("extract-1 sha256:1", kUpper));
    EXPECT_FALSE(is_candidate("default/extract-1", kUpper));
    EXPECT_FALSE(is_candidate("default/3/extract-1", kUpper, "parent"));
    EXPECT_FALSE(is_candidate("default/3/extract-1", kUpper, "", Kind::view));
}

const Labels kMapped = {{"containerd.io/snapshot/uidmapping", "0:666:10"},
                        {"containerd.io/snapshot/gidmapping", "0:777:10"}};

FrozenMounts freeze(const Labels& labels, const MountPolicy& policy) {
    return freeze_mounts({Kind::active, "k", "", labels, {}, {}}, policy);
}

TEST(FreezeMounts, IndexOffComesLastWhenTheKernelKnowsIt) {
    EXPECT_EQ(freeze({}, {{"a", "b"}, false, true, true}).last_options,
              (Options{"a", "b", "userxattr", "index=off"}));
    EXPECT_EQ(freeze({}, {{"a"}, false, false, false}).last_options, (Options{"a"}));
}

TEST(FreezeMounts, ConfiguredIndexIsNotOverridden) {
    EXPECT_EQ(freeze({}, {{"index=on"}, false, true, false}).last_options, (Options{"index=on"}));
    EXPECT_EQ(freeze({}, {{"index"}, false, true, false}).last_options, (Options{"index"}));
    EXPECT_EQ(freeze({}, {{"indexed=on"}, false, true, false}).last_options,
              (Options{"indexed=on", "index=off"}));
}

TEST(FreezeMounts, IdMappingsOnlyWithRemapIds) {
    EXPECT_EQ(freeze(kMapped, {{}, true, false, false}).first_options,
              (Options{"uidmap=0:666:10", "gidmap=0:777:10"}));
    EXPECT_EQ(freeze(kMapped, {}).first_options, Options{});
    EXPECT_EQ(freeze({}, {{}, true, false, false}).first_options, Options{});
}

} // namespace
} // namespace lamina
