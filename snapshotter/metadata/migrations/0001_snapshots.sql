-- SPDX-License-Identifier: Apache-2.0
-- Keys and names share one space (containerd: core/snapshots/storage), hence one unique column.

CREATE TABLE snapshots (
    -- AUTOINCREMENT: an id names a directory and never comes back, whatever was deleted.
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    kind       INTEGER NOT NULL CHECK (kind IN (1, 2, 3)), -- view, active, committed
    -- RESTRICT: a snapshot with children cannot go, whoever tries.
    parent     INTEGER REFERENCES snapshots (id) ON DELETE RESTRICT,
    created_ns INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL,
    inodes     INTEGER,
    size_bytes INTEGER,
    overlay_without_parent INTEGER NOT NULL CHECK (overlay_without_parent IN (0, 1)),
    CHECK ((kind = 3) = (inodes IS NOT NULL)),
    CHECK ((kind = 3) = (size_bytes IS NOT NULL))
) STRICT;

CREATE INDEX snapshots_by_parent ON snapshots (parent);

-- SnapshotRecord without the labels.
CREATE VIEW records (id, name, kind, parent, created_ns, updated_ns, inodes, size_bytes) AS
    SELECT s.id, s.name, s.kind, p.name, s.created_ns, s.updated_ns, s.inodes, s.size_bytes
    FROM snapshots AS s LEFT JOIN snapshots AS p ON p.id = s.parent;

CREATE TABLE labels (
    snapshot INTEGER NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (snapshot, key)
) STRICT, WITHOUT ROWID;

-- FrozenMounts: the first options have negative positions.
CREATE TABLE mount_options (
    snapshot INTEGER NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    option   TEXT NOT NULL,
    PRIMARY KEY (snapshot, position)
) STRICT, WITHOUT ROWID;
