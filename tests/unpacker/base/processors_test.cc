// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>

#include "unpacker/base/processors.h"

namespace lamina {
namespace {

TEST(Processors, CpuMaxIsQuotaOverPeriod) {
    EXPECT_EQ(parse_cpu_max("150000 100000\n"), 1.5);
    EXPECT_EQ(parse_cpu_max("20000 100000\n"), 0.2);
}

TEST(Processors, CpuMaxWithoutALimitIsNone) {
    EXPECT_EQ(parse_cpu_max("max 100000\n"), std::nullopt);
    EXPECT_EQ(parse_cpu_max(""), std::nullopt);
    EXPECT_EQ(parse_cpu_max("100000 0"), std::nullopt);
}

TEST(Processors, AffinityBoundsThem) {
    unsigned found = 0;
    std::thread([&found] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
        ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
        found = available_processors();
    }).join();
    EXPECT_EQ(found, 1U);
}

} // namespace
} // namespace lamina
