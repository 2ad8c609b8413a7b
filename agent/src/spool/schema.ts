/** Version of the schema below, kept in `user_version`. */
export const SPOOL_VERSION = 4

/** The spool's tables in version 1. */
export const SPOOL_SCHEMA = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE streams (id INTEGER PRIMARY KEY AUTOINCREMENT, stream BLOB NOT NULL UNIQUE, definition BLOB NOT NULL) STRICT;
CREATE TABLE states (stream BLOB PRIMARY KEY, life TEXT NOT NULL, epoch INTEGER NOT NULL, time_ms INTEGER NOT NULL,
  boottime_ms INTEGER NOT NULL, register TEXT NOT NULL, remainder TEXT NOT NULL) STRICT;
CREATE TABLE batches (id INTEGER PRIMARY KEY AUTOINCREMENT, run BLOB NOT NULL, sequence INTEGER NOT NULL,
  sealed_ms INTEGER NOT NULL, digest BLOB NOT NULL, signed BLOB NOT NULL, UNIQUE (run, sequence)) STRICT;
CREATE TABLE losses (loss BLOB NOT NULL) STRICT;
`

/** What version 2 added, for a new spool and for one of version 1: a checksum of each row. */
export const SPOOL_SUMS = ['meta', 'streams', 'states', 'batches', 'losses']
  .map((table) => `ALTER TABLE ${table} ADD COLUMN sum BLOB;`)
  .join(' ')

/** What version 3 added: the batch after which a stream that is over may be forgotten. */
export const SPOOL_ENDED = 'CREATE TABLE ended (stream BLOB PRIMARY KEY, batch INTEGER NOT NULL) STRICT;'

/** What version 4 put beside `states`: registers by the page. */
export const SPOOL_PAGES =
  'CREATE TABLE registers (page INTEGER PRIMARY KEY, content BLOB NOT NULL, sum BLOB NOT NULL) STRICT;'

/** And what it dropped when they were there. */
export const SPOOL_STATES_GONE = 'DROP TABLE states;'
