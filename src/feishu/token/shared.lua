-- One app's tenant token for all replicas: sealed, and gone when it has run out.
--
-- KEYS: the token, the lease of whoever fetches one
-- ARGV: the operation, and what it takes; times in milliseconds

local token, lease = KEYS[1], KEYS[2]

-- What stands there, and how long it still does. What this cannot have written is as if absent: of another
-- type, too large, or there for ever or for too long.
local function text(key, longest)
  if redis.call('TYPE', key).ok ~= 'string' or redis.call('STRLEN', key) > 8192 then return nil end
  local left = redis.call('PTTL', key)
  if left <= 0 or left > longest then return nil end
  return redis.call('GET', key), left
end

if ARGV[1] == 'ask' then
  -- The token, if it lives longer than this; else whether to fetch one, for as long as the lease.
  local sealed, left = text(token, tonumber(ARGV[5]))
  if sealed and left > tonumber(ARGV[2]) then return { sealed, left, 0 } end
  -- Its own may be left from somebody who hung up.
  local holder = text(lease, tonumber(ARGV[3]))
  local is_free = not holder or holder == ARGV[4]
  if is_free then redis.call('SET', lease, ARGV[4], 'PX', ARGV[3]) end
  return { '', 0, is_free and 1 or 0 }
end

if ARGV[1] == 'give' then
  redis.call('SET', token, ARGV[2], 'PX', ARGV[3])
end
-- Whoever gives, or has none to give, fetches no longer.
if text(lease, math.huge) == ARGV[4] then redis.call('DEL', lease) end
