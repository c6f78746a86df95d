-- A token for all replicas: sealed, and gone when it has run out.
--
-- KEYS: the token, the lease of whoever fetches one
-- ARGV: the operation, and what it takes; times in milliseconds

local token, lease = KEYS[1], KEYS[2]

-- A text, and how long it still lives. A value that this script cannot have written counts as absent: one of another
-- type, one that is too large, and one that lives for ever or for too long.
local function text(key, longest)
  if redis.call('TYPE', key).ok ~= 'string' or redis.call('STRLEN', key) > 8192 then return nil end
  local left = redis.call('PTTL', key)
  if left <= 0 or left > longest then return nil end
  return redis.call('GET', key), left
end

if ARGV[1] == 'ask' then
  -- The token, if it lives longer than asked for. Otherwise whether to fetch one, which the lease allows for a while.
  local sealed, left = text(token, tonumber(ARGV[5]))
  if sealed and left > tonumber(ARGV[2]) then return { sealed, left, 0 } end
  -- The replica's own lease may be left from a caller that hung up.
  local holder = text(lease, tonumber(ARGV[3]))
  local is_free = not holder or holder == ARGV[4]
  if is_free then redis.call('SET', lease, ARGV[4], 'PX', ARGV[3]) end
  return { '', 0, is_free and 1 or 0 }
end

if ARGV[1] == 'give' then
  redis.call('SET', token, ARGV[2], 'PX', ARGV[3])
end
-- A replica that has given a token, or could fetch none, no longer holds the lease.
if text(lease, math.huge) == ARGV[4] then redis.call('DEL', lease) end
