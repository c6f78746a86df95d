-- The newest app ticket of one store app: sealed, and gone when it is too old.
--
-- KEYS: the ticket
-- ARGV: the operation, how long a ticket is kept, and what the operation takes; times in milliseconds

local key, longest = KEYS[1], tonumber(ARGV[2])

-- When the stored ticket was sent, and the ticket. A value that this script cannot have written counts as absent: one of
-- another type, one that is too large, one without a time, and one that lives for ever or for too long.
local function stored()
  if redis.call('TYPE', key).ok ~= 'hash' or redis.call('HSTRLEN', key, 'sealed') > 4096
    or redis.call('HSTRLEN', key, 'sent_at') > 15 then return nil end
  local left = redis.call('PTTL', key)
  if left <= 0 or left > longest then return nil end
  local found = redis.call('HMGET', key, 'sent_at', 'sealed')
  local is_time = type(found[1]) == 'string' and string.match(found[1], '^%-?%d+$')
  if not is_time or not found[2] then return nil end
  return found[1], found[2]
end
local sent_at, sealed = stored()

if ARGV[1] == 'load' then return { sent_at or '0', sealed or '' } end

if ARGV[1] == 'keep' and not (sent_at and tonumber(sent_at) > tonumber(ARGV[3])) then
  redis.call('DEL', key)
  redis.call('HSET', key, 'sent_at', ARGV[3], 'sealed', ARGV[4])
  redis.call('PEXPIRE', key, longest)
end

-- A newer one is not the one that Feishu has refused.
if ARGV[1] == 'forget' and sent_at and tonumber(sent_at) <= tonumber(ARGV[3]) then redis.call('DEL', key) end
