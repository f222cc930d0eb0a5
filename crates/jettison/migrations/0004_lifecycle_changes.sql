-- Lifecycle policies of repositories that were replaced, so that this can be undone.
-- before: the text that was there; empty where there was none. outcome: empty while nobody knows whether it was written.

CREATE TABLE lifecycle_change (
    run       TEXT NOT NULL,
    registry  TEXT NOT NULL,
    name      TEXT NOT NULL,
    before    TEXT,
    after     TEXT NOT NULL,
    began_at  INTEGER NOT NULL,
    outcome   TEXT,
    undone_at INTEGER,
    PRIMARY KEY (run, registry, name)
) STRICT, WITHOUT ROWID;
