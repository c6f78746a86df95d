-- The tenant in which a store app forwards. NULL: it is a self-built app.
ALTER TABLE broadcasts ADD COLUMN tenant TEXT;
