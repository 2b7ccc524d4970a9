-- One row: the store itself.
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    first INTEGER NOT NULL,    -- revisions begin behind it; the newest one given out is that of the newest entry
    floor INTEGER NOT NULL,    -- deletions up to this revision may have been forgotten
    leases INTEGER NOT NULL,   -- rises with each change of the table of leases
    run TEXT NOT NULL          -- directory of the sockets and lock files
);

-- The newest write of each path. Its revision is the row's own number, so changes are read in one sweep.
CREATE TABLE entry (
    revision INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    value BLOB,                -- NULL: deleted
    lease TEXT,                -- the lease that it vanishes with
    crc INTEGER NOT NULL       -- of revision, key and value: SQLite itself would not notice a flipped bit in a value
);
CREATE INDEX entry_lease ON entry (lease) WHERE lease IS NOT NULL;
CREATE INDEX entry_deleted ON entry (revision) WHERE value IS NULL;

-- Who holds which lease; the heartbeat is in the member's lock file.
CREATE TABLE lease (
    id TEXT PRIMARY KEY,
    ttl REAL NOT NULL,         -- seconds
    member TEXT NOT NULL,      -- names the lock file
    boot TEXT NOT NULL,
    namespace INTEGER NOT NULL, -- of process ids
    pid INTEGER NOT NULL,
    started INTEGER NOT NULL   -- start of the process in clock ticks after boot: tells a reused pid
) WITHOUT ROWID;

-- Which revision was the newest at which time, so that old deletions can be forgotten.
CREATE TABLE mark (
    time REAL NOT NULL,        -- Unix seconds
    revision INTEGER NOT NULL
);
