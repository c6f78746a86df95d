-- One app's tenant token for all replicas: sealed, and gone when it has run out.
--
-- KEYS: the token, the lease of whoever fetches one
-- ARGV: the operation, and what it takes; times in milliseconds

local token, lease = KEYS[1], KEYS[2]

if ARGV[1] == 'ask' then
  -- The token, if it lives longer than this; else whether to fetch one, for as long as the lease.
  local left = redis.call('PTTL', token)
  if left > tonumber(ARGV[2]) then return { redis.call('GET', token), left, 0 } end
  -- Its own may be left from somebody who hung up.
  local is_free = redis.call('GET', lease) == ARGV[4] or redis.call('SET', lease, ARGV[4], 'NX', 'PX', ARGV[3])
  return { '', 0, is_free and 1 or 0 }
end

if ARGV[1] == 'give' then
  redis.call('SET', token, ARGV[2], 'PX', ARGV[3])
end
-- Whoever gives, or has none to give, fetches no longer.
if redis.call('GET', lease) == ARGV[4] then redis.call('DEL', lease) end
