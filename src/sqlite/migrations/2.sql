-- Store apps.
-- The newest app ticket of each store app. Times are milliseconds since 1970.
CREATE TABLE app_tickets (
    app_id TEXT PRIMARY KEY,
    -- When Feishu sent it.
    sent_at INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The tenant in which a store app forwards. NULL: it is a self-built app.
ALTER TABLE broadcasts ADD COLUMN tenant TEXT;
