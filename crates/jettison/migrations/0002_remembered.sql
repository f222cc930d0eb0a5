-- What the ledger knew of a manifest and its tags when it was about to go, so that an undo gives that back as well.
-- An object: first_seen_at, last_pulled_at, and tags as lists of name, set_at, first_seen_at.

ALTER TABLE journal_entry ADD COLUMN remembered TEXT;
