-- What is remembered of images on the disks of servers, by engine. Losing a row makes an image look younger, no more.

CREATE TABLE host_engine (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE, -- what the engine calls itself for good
    told_at   INTEGER NOT NULL, -- when anything was last noted of it
    looked_at INTEGER, -- of the last look at all its images
    first_looked_at INTEGER -- of the first one: what it saw may have been there for long
) STRICT;

CREATE TABLE host_image (
    engine        INTEGER NOT NULL REFERENCES host_engine (id) ON DELETE CASCADE,
    image         TEXT NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    last_used_at  INTEGER,
    last_use      TEXT,
    PRIMARY KEY (engine, image)
) STRICT, WITHOUT ROWID;
CREATE INDEX host_image_by_time ON host_image (last_seen_at);

-- The names that the last look saw.
CREATE TABLE host_name (
    engine INTEGER NOT NULL REFERENCES host_engine (id) ON DELETE CASCADE,
    name   TEXT NOT NULL,
    image  TEXT NOT NULL,
    PRIMARY KEY (engine, name, image)
) STRICT, WITHOUT ROWID;

-- What is marked to go.
CREATE TABLE host_mark (
    engine    INTEGER NOT NULL REFERENCES host_engine (id) ON DELETE CASCADE,
    image     TEXT NOT NULL,
    marked_at INTEGER NOT NULL,
    PRIMARY KEY (engine, image)
) STRICT, WITHOUT ROWID;

-- Runs that took images away. ended_at: empty if a run was interrupted, or goes on.

CREATE TABLE host_run (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    engine      TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    freed_bytes INTEGER
) STRICT;
CREATE INDEX host_run_by_engine ON host_run (engine, id);

-- outcome: empty while nobody knows what became of the image.
CREATE TABLE host_removal (
    id      INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL REFERENCES host_run (id) ON DELETE CASCADE,
    image   TEXT NOT NULL,
    names   TEXT NOT NULL,
    digests TEXT NOT NULL,
    bytes   INTEGER NOT NULL,
    reason  TEXT NOT NULL,
    outcome TEXT,
    UNIQUE (run, image)
) STRICT;
