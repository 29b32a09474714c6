-- SPDX-License-Identifier: Apache-2.0
-- A snapshot's flat tree shows what its layer and those of its parents, down to above `base`, show
-- together. A row is made when the snapshot is committed, and goes with the first child unless the
-- tree is ready by then. So nobody who sees a snapshot through a child ever sees it change; those
-- of schema 1, which may have been seen, have no row.

CREATE TABLE flat_trees (
    snapshot INTEGER PRIMARY KEY REFERENCES snapshots (id) ON DELETE CASCADE,
    base     INTEGER REFERENCES snapshots (id) ON DELETE RESTRICT, -- NULL: the whole chain
    is_ready INTEGER NOT NULL CHECK (is_ready IN (0, 1))
) STRICT;

CREATE INDEX flat_trees_by_base ON flat_trees (base);

-- LowerTree of each snapshot, and the snapshot whose LowerTree comes below it.
CREATE VIEW lower_trees (id, is_flat, below) AS
    SELECT s.id, f.snapshot IS NOT NULL, iif(f.snapshot IS NULL, s.parent, f.base)
    FROM snapshots AS s LEFT JOIN flat_trees AS f ON f.snapshot = s.id AND f.is_ready;
