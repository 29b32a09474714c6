// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/metadata/sqlite_store.h"

#include <cerrno>

#include <sys/stat.h>

#include "snapshotter/metadata/group_writer.h"
#include "snapshotter/metadata/migrations.h"
#include "snapshotter/metadata/reader_pool.h"
#include "snapshotter/metadata/root_lock.h"

namespace lamina {
namespace {

Status make_root(const std::string& root) {
    if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) {
        return fail(errno_error("mkdir", root));
    }
    return {};
}

} // namespace

struct SqliteStore::Parts {
    RootLock lock; // first: released last
    ReaderPool readers;
    GroupWriter writer;

    Parts(RootLock root_lock, const std::string& path, Database database)
        : lock(std::move(root_lock)), readers(path), writer(std::move(database)) {}
};

SqliteStore::SqliteStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& root) {
    TRY(make_root(root));
    TRY_ASSIGN(auto lock, RootLock::take(root));
    const std::string path = root + "/metadata.db";
    TRY_ASSIGN(auto database, Database::open(path));
    TRY(migrate(database, schema_migrations()));
    return std::unique_ptr<SqliteStore>(
        new SqliteStore(std::make_unique<Parts>(std::move(lock), path, std::move(database))));
}

Status SqliteStore::read(const std::function<Status(ReadTransaction&)>& work) {
    return parts_->readers.run([&](Database& database) {
        SqliteReadTransaction transaction(database);
        return work(transaction);
    });
}

Status SqliteStore::write(const std::function<Status(WriteTransaction&)>& work) {
    return parts_->writer.run(work);
}

uint64_t SqliteStore::commits() const {
    return parts_->writer.commits();
}

size_t SqliteStore::queued() const {
    return parts_->writer.queued();
}

} // namespace lamina
