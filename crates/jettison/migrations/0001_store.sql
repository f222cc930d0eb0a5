-- Times are microseconds since 1970-01-01 UTC. Lists are JSON arrays of text.
-- Never change a migration that has been released: add another file.

CREATE TABLE store_meta (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    created_at INTEGER NOT NULL
) STRICT;

-- Cache: content by digest. Losing a row costs one request.

CREATE TABLE cached_manifest (
    digest     TEXT PRIMARY KEY,
    media_type TEXT NOT NULL,
    used_at    INTEGER NOT NULL,
    bytes      BLOB NOT NULL
) STRICT;
CREATE INDEX cached_manifest_by_use ON cached_manifest (used_at);

CREATE TABLE cached_config (
    digest  TEXT PRIMARY KEY,
    used_at INTEGER NOT NULL,
    seal    TEXT NOT NULL, -- digest over the row: facts are an excerpt, so the config's own digest cannot vouch for them
    facts   TEXT NOT NULL
) STRICT;
CREATE INDEX cached_config_by_use ON cached_config (used_at);

-- Ledger: what is remembered of repositories between scans.

CREATE TABLE repository (
    id            INTEGER PRIMARY KEY,
    registry      TEXT NOT NULL,
    name          TEXT NOT NULL,
    scanned_since INTEGER,
    observed_at   INTEGER,
    UNIQUE (registry, name)
) STRICT;

CREATE TABLE known_manifest (
    repository     INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest         TEXT NOT NULL,
    first_seen_at  INTEGER NOT NULL,
    last_seen_at   INTEGER NOT NULL,
    untagged_at    INTEGER,
    restored_at    INTEGER,
    last_pulled_at INTEGER,
    PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE known_tag (
    repository    INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    tag           TEXT NOT NULL,
    digest        TEXT NOT NULL,
    set_at        INTEGER,
    first_seen_at INTEGER NOT NULL,
    PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE known_referrers (
    repository INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    subject    TEXT NOT NULL,
    referrers  TEXT NOT NULL,
    asked_at   INTEGER NOT NULL,
    PRIMARY KEY (repository, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag_period (
    id         INTEGER PRIMARY KEY,
    repository INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    tag        TEXT NOT NULL,
    digest     TEXT NOT NULL,
    from_at    INTEGER NOT NULL,
    until_at   INTEGER
) STRICT;
CREATE INDEX tag_period_by_tag ON tag_period (repository, tag);
CREATE INDEX tag_period_by_digest ON tag_period (repository, digest);
CREATE INDEX tag_period_by_end ON tag_period (repository, until_at);

-- Usage memory: what was in use lately. An empty digest means that none is known.

CREATE TABLE used_image (
    source       TEXT NOT NULL,
    image        TEXT NOT NULL,
    digest       TEXT NOT NULL,
    used_by      TEXT NOT NULL,
    last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (source, image, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX used_image_by_time ON used_image (last_seen_at);

CREATE TABLE images_named (
    source   TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    images   INTEGER NOT NULL,
    PRIMARY KEY (source, taken_at)
) STRICT, WITHOUT ROWID;

-- Plans and the journal of runs.

CREATE TABLE plan (
    id         TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    json       TEXT NOT NULL
) STRICT;

CREATE TABLE run (
    id         TEXT PRIMARY KEY,
    plan       TEXT,
    command    TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    status     TEXT NOT NULL
) STRICT;
CREATE INDEX run_by_start ON run (started_at);

CREATE TABLE saved_manifest (
    digest TEXT PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE journal_entry (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    run        TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    sequence   INTEGER NOT NULL,
    registry   TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest     TEXT NOT NULL REFERENCES saved_manifest (digest),
    action     TEXT NOT NULL,
    root       TEXT NOT NULL,
    tags       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    referrers  TEXT NOT NULL,
    reason     TEXT NOT NULL
) STRICT;
CREATE INDEX journal_entry_by_run ON journal_entry (run, sequence);
CREATE INDEX journal_entry_by_repository ON journal_entry (registry, repository);
CREATE INDEX journal_entry_by_digest ON journal_entry (digest);

CREATE TABLE journal_outcome (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    entry   INTEGER NOT NULL REFERENCES journal_entry (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    detail  TEXT
) STRICT;
CREATE INDEX journal_outcome_by_entry ON journal_outcome (entry);

CREATE TRIGGER journal_entry_is_append_only BEFORE UPDATE ON journal_entry
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_outcome_is_append_only BEFORE UPDATE ON journal_outcome
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;
