// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include <gtest/gtest.h>

#include "snapshotter/service/convert.h"

namespace lamina {
namespace {

using std::chrono::nanoseconds;

Info round_trip(const Info& info) {
    snapshots_api::Info message;
    write_info(info, message);
    snapshots_api::Info received;
    EXPECT_TRUE(received.ParseFromString(message.SerializeAsString()));
    return to_info(received);
}

TEST(Convert, InfoKeepsEveryField) {
    Info info{.name = "k8s.io/7/sha256:ab",
              .parent = "k8s.io/6/sha256:cd",
              .kind = Kind::committed,
              .labels = {{"containerd.io/snapshot.ref", "sha256:ab"}, {"a", "b"}},
              .created = Timestamp(nanoseconds(1'700'000'000'123'456'789)),
              .updated = Timestamp(nanoseconds(1'700'000'001'000'000'001))};
    Info back = round_trip(info);
    EXPECT_EQ(back.name, info.name);
    EXPECT_EQ(back.parent, info.parent);
    EXPECT_EQ(back.kind, info.kind);
    EXPECT_EQ(back.labels, info.labels);
    EXPECT_EQ(back.created, info.created);
    EXPECT_EQ(back.updated, info.updated);
}

TEST(Convert, EveryKindHasItsNumber) {
    for (Kind kind : {Kind::view, Kind::active, Kind::committed}) {
        EXPECT_EQ(round_trip({.name = {},
                              .parent = {},
                              .kind = kind,
                              .labels = {},
                              .created = {},
                              .updated = {}})
                      .kind,
                  kind);
    }
}

TEST(Convert, TimesBefore1970HaveForwardNanoseconds) {
    Info info;
    info.created = Timestamp(nanoseconds(-1));
    snapshots_api::Info message;
    write_info(info, message);
    EXPECT_EQ(message.created_at().seconds(), -1);
    EXPECT_EQ(message.created_at().nanos(), 999'999'999);
    EXPECT_EQ(to_info(message).created, info.created);
}

TEST(Convert, TimesOutOfReachBecomeTheNearestThatCanBeSaid) {
    snapshots_api::Info message;
    message.mutable_created_at()->set_seconds(-62'135'596'800); // Go's zero time
    message.mutable_updated_at()->set_seconds(253'402'300'799); // the last of protobuf's
    Info info = to_info(message);
    EXPECT_EQ(info.created, Timestamp(std::chrono::seconds(-9'000'000'000)));
    EXPECT_EQ(info.updated, Timestamp(std::chrono::seconds(9'000'000'000)));
}

TEST(Convert, InfoOfTheEpochStillCarriesItsTimes) {
    snapshots_api::Info message;
    write_info({}, message);
    EXPECT_TRUE(message.has_created_at());
    EXPECT_TRUE(message.has_updated_at());
}

TEST(Convert, MountsKeepOrderAndOptions) {
    Mounts mounts{{"overlay", "overlay", "", {"workdir=/w", "upperdir=/u", "lowerdir=/b:/a"}},
                  {"bind", "/snapshots/1/fs", "etc", {"rw", "rbind"}}};
    diff_api::ApplyRequest message;
    write_mounts(mounts, *message.mutable_mounts());
    EXPECT_EQ(to_mounts(message.mounts()), mounts);
}

} // namespace
} // namespace lamina
