// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include "snapshotter/core/snapshotter.h"

namespace lamina::test {

class MockSnapshotter : public Snapshotter {
  public:
    MOCK_METHOD(Result<Mounts>, prepare,
                (const std::string& key, const std::string& parent, const Labels& labels),
                (override));
    MOCK_METHOD(Result<Mounts>, view,
                (const std::string& key, const std::string& parent, const Labels& labels),
                (override));
    MOCK_METHOD(Result<Mounts>, mounts, (const std::string& key), (override));
    MOCK_METHOD(Status, commit,
                (const std::string& name, const std::string& key, const Labels& labels,
                 const std::string& parent),
                (override));
    MOCK_METHOD(Status, remove, (const std::string& key), (override));
    MOCK_METHOD(Result<Info>, stat, (const std::string& key), (override));
    MOCK_METHOD(Result<Info>, update,
                (const Info& info, const std::vector<std::string>& field_paths), (override));
    MOCK_METHOD(Status, walk,
                (const std::vector<std::string>& filters,
                 const std::function<Status(const Info&)>& visit),
                (override));
    MOCK_METHOD(Result<Usage>, usage, (const std::string& key), (override));
    MOCK_METHOD(Status, cleanup, (), (override));
};

} // namespace lamina::test
