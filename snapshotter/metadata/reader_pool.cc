// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/metadata/reader_pool.h"

namespace lamina {

Result<std::unique_ptr<Database>> ReaderPool::borrow() {
    {
        auto idle = idle_.lock();
        if (!idle->empty()) {
            auto database = std::move(idle->back());
            idle->pop_back();
            return database;
        }
    }
    TRY_ASSIGN(auto opened, Database::open(path_));
    return std::make_unique<Database>(std::move(opened));
}

Status ReaderPool::run(const std::function<Status(Database&)>& work) {
    TRY_ASSIGN(auto database, borrow());
    TRY(database->execute("BEGIN"));
    auto done = work(*database);
    auto ended = database->execute("ROLLBACK"); // nothing was written
    if (!ended) {
        return done ? ended : done; // and the connection, in an unknown state, goes
    }
    idle_.lock()->push_back(std::move(database));
    return done;
}

} // namespace lamina
