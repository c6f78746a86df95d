-- One caller's calls to Feishu, as all replicas count them together. Times are in microseconds.
--
-- A value that is read may be foreign, or written by a clock that was stepped since. A value that this script cannot
-- have written counts as absent.
--
-- KEYS: the calls of the last minute, by their ids, each with the moment until which it counts; how many calls there
--       were in the month; how many this process has told that it made without asking
-- ARGV: the operation, the time or '' for the server's, the call's id, the budget for a minute and for a month (0: none),
--       how long from now the call may begin, the longest such time, how many calls this process believes there were
--       in the month, how many it made without asking, and for how many milliseconds the month's counts are kept

local operation, now, id = ARGV[1], tonumber(ARGV[2]), ARGV[3]
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local per_minute, per_month = tonumber(ARGV[4]), tonumber(ARGV[5])
local begins_within, longest = tonumber(ARGV[6]), tonumber(ARGV[7])
local believed, alone, kept = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10]

local MINUTE = 60000000
-- The moments of replicas with other settings, and of a clock that went back a little, may differ by this.
local SLACK = 1000000
-- The most calls that a budget lets begin within a minute.
local MOST = 100000

local function count(value)
  return value and #value <= 12 and value:find('^%d+$') and tonumber(value) or nil
end

-- Counts the calls of the last minute, without those that no longer count and those that cannot be ours.
local function in_minute()
  local kind = redis.call('TYPE', KEYS[1]).ok
  if kind == 'none' then return 0 end
  if kind ~= 'zset' then
    redis.call('DEL', KEYS[1])
    return 0
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now + longest + MINUTE + SLACK), '+inf')
  local calls = redis.call('ZCARD', KEYS[1])
  if calls > MOST then
    redis.call('DEL', KEYS[1])
    return 0
  end
  return calls
end

local function moment_at(place)
  return tonumber(redis.call('ZRANGE', KEYS[1], place, place, 'WITHSCORES')[2] or nil)
end

local function save_month(calls) redis.call('SET', KEYS[2], string.format('%.0f', calls), 'PX', kept) end

local function save_call(until_then)
  redis.call('ZADD', KEYS[1], string.format('%.0f', until_then), id)
  redis.call('PEXPIRE', KEYS[1], math.ceil((moment_at(-1) - now) / 1000))
end

local calls = in_minute()

-- The call begins: from now on it counts for a minute.
if operation == 'begun' then
  if redis.call('ZSCORE', KEYS[1], id) then save_call(now + MINUTE) end
  return {}
end

-- MGET, because it reads a value of another type as absent.
local known = redis.call('MGET', KEYS[2], KEYS[3])
local month, told = count(known[1]), count(known[2])

-- The call does not begin.
if operation == 'returned' then
  if redis.call('ZREM', KEYS[1], id) == 1 and month and month > 0 then save_month(month - 1) end
  return {}
end

-- A Redis that was emptied knows what this process does, which includes what it made without asking.
if not month then month, told = believed, alone end
told = told or 0
if alone > told then month = month + alone - told end

local refused_by = 0
if per_month > 0 and month >= per_month then
  refused_by = 2
elseif per_minute > 0 and calls >= per_minute then
  refused_by = 1
end
if operation == 'reserve' then
  if refused_by == 0 then
    save_call(now + math.min(begins_within, longest) + MINUTE)
    calls, month = calls + 1, month + 1
  end
  save_month(month)
  if alone > 0 then redis.call('SET', KEYS[3], string.format('%.0f', math.max(alone, told)), 'PX', kept) end
end

-- When one call more may begin, or when the oldest one no longer counts.
local surplus = per_minute > 0 and math.max(calls - per_minute, 0) or 0
local frees_at = calls > 0 and moment_at(surplus) or now
return { refused_by, calls, frees_at - now, month }
