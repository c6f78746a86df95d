-- Times are milliseconds since 1970.

-- One row: the latest time that a change was made at, and how much is stored.
CREATE TABLE totals (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    latest_time INTEGER NOT NULL,
    broadcasts INTEGER NOT NULL,
    receivers INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES (1, 0, 0, 0);

CREATE TABLE broadcasts (
    -- Never used again, because the receivers of a broadcast are deleted after it.
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    caller TEXT NOT NULL,
    app TEXT NOT NULL,
    message TEXT NOT NULL,
    key BLOB NOT NULL UNIQUE,
    content BLOB NOT NULL,
    -- 0 running, 1 paused, 2 completed, 3 canceled
    state INTEGER NOT NULL,
    paused_by TEXT,
    total INTEGER NOT NULL,
    -- How many receivers are in which state.
    pending INTEGER NOT NULL,
    in_doubt INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    not_delivered INTEGER NOT NULL DEFAULT 0,
    unknown INTEGER NOT NULL DEFAULT 0,
    canceled INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    finished_at INTEGER,
    retry_of TEXT,
    revision INTEGER NOT NULL DEFAULT 1,
    -- When its end is to be announced. NULL: not yet, or not any more.
    announce_at INTEGER,
    announcements INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX broadcasts_of_callers ON broadcasts (caller, id);
CREATE INDEX broadcasts_active ON broadcasts (caller) WHERE state < 2;
CREATE INDEX broadcasts_unfinished ON broadcasts (app, id) WHERE finished_at IS NULL;
CREATE INDEX broadcasts_finished ON broadcasts (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX broadcasts_to_announce ON broadcasts (announce_at, id) WHERE announce_at IS NOT NULL;

-- Broadcasts that were deleted, and whose receivers are not yet.
CREATE TABLE forgotten (
    number INTEGER PRIMARY KEY,
    -- How many of its receivers are left.
    receivers INTEGER NOT NULL
) STRICT;

CREATE TABLE receivers (
    broadcast INTEGER NOT NULL,
    place INTEGER NOT NULL,
    -- 0 open_id, 1 user_id, 2 union_id, 3 email, 4 chat_id, 5 thread_id
    kind INTEGER NOT NULL,
    id TEXT NOT NULL,
    -- 0 pending, 1 in doubt, 2 delivered, 3 not delivered, 4 unknown, 5 canceled, 6 expired
    state INTEGER NOT NULL DEFAULT 0,
    -- How often it was claimed.
    claim INTEGER NOT NULL DEFAULT 0,
    -- The process that holds it. 0: nobody does.
    holder INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL DEFAULT 0,
    in_doubt_since INTEGER,
    message_id TEXT,
    problem TEXT,
    feishu_code INTEGER,
    log_id TEXT,
    ended_at INTEGER,
    PRIMARY KEY (broadcast, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX receivers_pending ON receivers (broadcast, place) WHERE state = 0;
CREATE INDEX receivers_in_doubt ON receivers (broadcast, place) WHERE state = 1;

-- What was asked for under an Idempotency-Key.
CREATE TABLE idempotency_keys (
    key BLOB PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    -- When the last leader began.
    used_at INTEGER NOT NULL,
    -- The process whose forward is under way, a random number. 0: none is.
    process INTEGER NOT NULL,
    -- When the first attempt was made, if one of an earlier leader may have been delivered.
    first_attempt INTEGER,
    -- The final conclusion, or nothing, sealed.
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (used_at);
CREATE INDEX idempotency_keys_ended ON idempotency_keys (used_at) WHERE process = 0 AND first_attempt IS NULL;

-- One row: since when every key is known (NULL: the file is new), the latest time that is known, and about how many
-- bytes the keys take.
CREATE TABLE idempotency_totals (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    known_since INTEGER,
    latest_time INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
INSERT INTO idempotency_totals VALUES (1, NULL, 0, 0);

-- 256 bytes are a record, its part of the indexes included.
CREATE TRIGGER idempotency_key_added AFTER INSERT ON idempotency_keys BEGIN
    UPDATE idempotency_totals SET bytes = bytes + 256 + length(new.sealed);
END;
CREATE TRIGGER idempotency_key_changed AFTER UPDATE OF sealed ON idempotency_keys BEGIN
    UPDATE idempotency_totals SET bytes = bytes + length(new.sealed) - length(old.sealed);
END;
CREATE TRIGGER idempotency_key_deleted AFTER DELETE ON idempotency_keys BEGIN
    UPDATE idempotency_totals SET bytes = bytes - 256 - length(old.sealed);
END;
