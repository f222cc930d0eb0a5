-- Manifests that jettison itself read where the registry takes reading for a pull, so that these do not count as pulled.
-- pulled_before: the last pull that was recorded before. ended_at: empty while nobody knows the end.

CREATE TABLE own_read (
    repository    INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest        TEXT NOT NULL,
    began_at      INTEGER NOT NULL,
    pulled_before INTEGER,
    ended_at      INTEGER,
    PRIMARY KEY (repository, digest, began_at)
) STRICT, WITHOUT ROWID;
