-- What the last scan found, for reports that ask no registry, and what repositories held over time. Losing a row costs a scan.
-- Never read to decide what goes.

CREATE TABLE recorded_registry (
    registry       TEXT PRIMARY KEY,
    taken_at       INTEGER NOT NULL,
    complete_since INTEGER, -- the first scan that read every repository
    complete_at    INTEGER, -- the last one
    gaps           TEXT NOT NULL -- of the last scan, beyond single repositories
) STRICT, WITHOUT ROWID;

CREATE TABLE recorded_repository (
    id        INTEGER PRIMARY KEY,
    registry  TEXT NOT NULL,
    name      TEXT NOT NULL,
    taken_at  INTEGER NOT NULL, -- of the scan that found this
    head      BLOB NOT NULL, -- zlib over JSON, as the parts are; see store/record/pack.rs
    unread    TEXT, -- what kept a later scan from reading anything here
    unread_at INTEGER,
    UNIQUE (registry, name)
) STRICT;

CREATE TABLE recorded_part (
    repository INTEGER NOT NULL REFERENCES recorded_repository (id) ON DELETE CASCADE,
    part       INTEGER NOT NULL,
    bytes      BLOB NOT NULL,
    PRIMARY KEY (repository, part)
) STRICT;

CREATE TABLE recorded_usage (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    taken_at INTEGER NOT NULL,
    bytes    BLOB NOT NULL
) STRICT;

-- A row where something changed. 0 of everything: the repository was not there.
CREATE TABLE recorded_total (
    registry     TEXT NOT NULL,
    name         TEXT NOT NULL,
    taken_at     INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    tags         INTEGER NOT NULL,
    manifests    INTEGER NOT NULL,
    complete     INTEGER NOT NULL,
    PRIMARY KEY (registry, name, taken_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX recorded_total_by_time ON recorded_total (taken_at);
