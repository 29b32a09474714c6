// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>
#include <utility>

#include "snapshotter/core/metadata_store.h"

namespace lamina {

// MetadataStore::read() and write() for work that answers a value: work(transaction) returns a
// Result<T>, and so do these.
template <class Work>
[[nodiscard]] auto read_value(MetadataStore& store, const Work& work) {
    using Answer = std::invoke_result_t<Work, ReadTransaction&>;
    typename Answer::value_type value{};
    const Status done = store.read([&](ReadTransaction& transaction) -> Status {
        TRY_ASSIGN(value, work(transaction));
        return {};
    });
    return done ? Answer(std::move(value)) : Answer(fail(done.error()));
}

template <class Work>
[[nodiscard]] auto write_value(MetadataStore& store, const Work& work) {
    using Answer = std::invoke_result_t<Work, WriteTransaction&>;
    typename Answer::value_type value{};
    const Status done = store.write([&](WriteTransaction& transaction) -> Status {
        TRY_ASSIGN(value, work(transaction));
        return {};
    });
    return done ? Answer(std::move(value)) : Answer(fail(done.error()));
}

} // namespace lamina
