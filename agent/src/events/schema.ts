/** Version of the schema below, kept in `user_version`. */
export const EVENTS_VERSION = 1

/**
 * The tables. Totals are text because SQLite's integers are signed; each counter has a checksum of its row.
 * `seen_ms` is the later of an event's own time and that of its acceptance.
 */
export const EVENTS_SCHEMA = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE counters (id INTEGER PRIMARY KEY, resource TEXT NOT NULL, meter TEXT NOT NULL, unit TEXT NOT NULL,
  attributes TEXT NOT NULL, made_ms INTEGER NOT NULL, total TEXT NOT NULL, sum BLOB NOT NULL, UNIQUE (resource, meter)) STRICT;
CREATE TABLE ids (key BLOB PRIMARY KEY, seen_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX ids_by_age ON ids (seen_ms);
CREATE TABLE quarantine (digest BLOB PRIMARY KEY, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, times INTEGER NOT NULL,
  code TEXT NOT NULL, pointer TEXT NOT NULL, message TEXT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX quarantine_by_age ON quarantine (last_ms);
`
