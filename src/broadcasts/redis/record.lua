-- Broadcasts that replicas share.
--
-- KEYS: what all broadcasts share: all ids with the time of their end (UNFINISHED before that), the index by name, the
--       callers' keys, the catalog with what forgetting needs, the ends to announce, notes, and the processes that live;
--       then of one broadcast: its hash, the receivers that are pending again (by when they are due), those in doubt that
--       nobody holds (by when they are due), those that are held (by the process); then the hash that is being staged
-- ARGV: the operation and its own arguments; times in milliseconds of the wall clock
--
-- The hash of a broadcast has the field `head`, its receivers in sealed chunks (`r0`, `r1`, …), and what has become of
-- the receivers of a chunk (`s0`, `s1`, …), which begins with the first claim. Receivers from `head.next` on were never
-- claimed. Once `head.ended` is set, each receiver that was pending then is in that state, although it is not rewritten.
--
-- Each value that is read may be foreign. Then the operation replies `foreign` and changes no broadcast.

local ALL, INDEX, REQUESTS, CATALOG, ENDS, NOTES, OWNERS = unpack(KEYS, 1, 7)
local MAIN, AGAIN, DOUBTFUL, HELD, STAGED = KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local TYPES = {
  'zset', 'zset', 'hash', 'hash', 'zset', 'hash', 'zset',
  'hash', 'zset', 'zset', 'zset', 'hash',
}
-- The states of a receiver.
local PENDING, IN_DOUBT, DELIVERED, NOT_DELIVERED, UNKNOWN, CANCELED, EXPIRED = 0, 1, 2, 3, 4, 5, 6
local IS_ACTIVE = { running = true, paused = true }
local UNFINISHED = -1
-- How many receivers are in a chunk.
local CHUNK = 32
-- The most receivers that one step looks at.
local MOST_AT_ONCE = 1000
-- The largest values that are read, in bytes.
local LARGEST_HEAD, LARGEST_CHUNK, LARGEST_RECEIVERS, LARGEST_NOTE = 4096, 65536, 65536, 1024

local FOREIGN = {}
local function foreign() error(FOREIGN) end

local taken = 1
local function text()
  taken = taken + 1
  return ARGV[taken]
end
local function number() return tonumber(text()) end

local function digits(value) return string.format('%.0f', value) end

local function is_count(value) return type(value) == 'number' and value >= 0 and value < 1e15 and value % 1 == 0 end

local function check_types(first, last)
  for n = first, last do
    local found = redis.call('TYPE', KEYS[n]).ok
    if found ~= 'none' and found ~= TYPES[n] then foreign() end
  end
end

-- A field of a hash, if it is there.
local function field(key, name, longest)
  if redis.call('HSTRLEN', key, name) > longest then foreign() end
  return redis.call('HGET', key, name) or nil
end

local function unpacked(packed)
  local is_packed, value = pcall(cmsgpack.unpack, packed)
  if not is_packed or type(value) ~= 'table' then foreign() end
  return value
end

-- A number that is noted for all broadcasts. A foreign one counts as absent.
local function note(name)
  if redis.call('HSTRLEN', NOTES, name) > 32 then return nil end
  local value = tonumber(redis.call('HGET', NOTES, name) or nil)
  return is_count(value) and value or nil
end

-- A time of a caller, or the latest that was seen, if that is later.
local function time()
  local now, seen = number(), note('seen')
  if seen and seen > now then return seen end
  if seen ~= now then redis.call('HSET', NOTES, 'seen', digits(now)) end
  return now
end

local function server_time()
  local now = redis.call('TIME')
  return tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
end

-- The head of a broadcast in a hash, if there is one.
local function head_of(key)
  local packed = field(key, 'head', LARGEST_HEAD)
  if not packed then return redis.call('EXISTS', key) == 1 and foreign() or nil end
  local it = unpacked(packed)
  for _, name in ipairs({ 'id', 'caller', 'app', 'message', 'state', 'request' }) do
    if type(it[name]) ~= 'string' then foreign() end
  end
  for _, name in ipairs({ 'total', 'created', 'expires', 'revision', 'next' }) do
    if not is_count(it[name]) then foreign() end
  end
  for _, name in ipairs({ 'finished', 'ended', 'ended_at' }) do
    if it[name] ~= nil and not is_count(it[name]) then foreign() end
  end
  for _, name in ipairs({ 'paused_by', 'retry_of', 'tenant' }) do
    if it[name] ~= nil and type(it[name]) ~= 'string' then foreign() end
  end
  if type(it.counts) ~= 'table' or it.ended and (it.ended > EXPIRED or not it.ended_at) then foreign() end
  for state = PENDING, EXPIRED do
    if not is_count(it.counts[state + 1]) then foreign() end
  end
  return it
end

-- The broadcast that the operation is about.
local head
local function load()
  check_types(8, 11)
  head = head_of(MAIN)
  return head
end

local chunks, changed = {}, {}

-- What has become of the receivers of a chunk.
local function chunk(n)
  if not chunks[n] then
    local packed = field(MAIN, 's' .. n, LARGEST_CHUNK)
    chunks[n] = packed and unpacked(packed) or {}
  end
  return chunks[n]
end

-- What has become of a receiver: its state, its claims, a time, and the sealed problem or message id. The time is since
-- when it is in doubt or final, or that since when it is pending although others have ended, or 0.
local function receiver(place)
  local it = chunk(math.floor(place / CHUNK))[place % CHUNK + 1]
  if it == nil then return { PENDING, 0, 0, '' } end
  local is_ours = type(it) == 'table' and is_count(it[1]) and it[1] <= EXPIRED and is_count(it[2]) and is_count(it[3])
    and type(it[4]) == 'string'
  if not is_ours then foreign() end
  return it
end

local function save_receiver(place, it)
  local n = math.floor(place / CHUNK)
  chunk(n)[place % CHUNK + 1] = it
  changed[n] = true
end

local function has_ended_with_others(it) return it[1] == PENDING and head.ended and it[3] == 0 end

local function state_of(it) return has_ended_with_others(it) and head.ended or it[1] end

local function ended_at(it) return has_ended_with_others(it) and head.ended_at or it[3] end

local is_news = false
local function count(from, to, many)
  if from == to or many == 0 then return end
  local counts = head.counts
  if counts[from + 1] < many then foreign() end
  counts[from + 1], counts[to + 1] = counts[from + 1] - many, counts[to + 1] + many
  is_news = true
end

-- A receiver is in another state from then on. The caller takes care of the sorted sets.
local function turn(place, it, state, since)
  count(state_of(it), state, 1)
  it[1], it[3] = state, since
  save_receiver(place, it)
end

local function place_of(member)
  local place = tonumber(member)
  if not is_count(place) or place >= head.total then foreign() end
  return place
end

local function not_active(id, app, caller)
  redis.call('ZREM', INDEX, 'app/' .. app .. '/' .. id, 'key/' .. caller .. '/' .. id)
end

-- Writes the broadcast, and its end if this is it. `kept` is how long what has ended is kept at most.
local function save(now, kept)
  for n in pairs(changed) do redis.call('HSET', MAIN, 's' .. n, cmsgpack.pack(chunks[n])) end
  local is_over = head.counts[PENDING + 1] + head.counts[IN_DOUBT + 1] == 0 and not head.finished
  if is_over then
    head.finished, is_news = now, true
    if IS_ACTIVE[head.state] then head.state, head.paused_by = 'completed', nil end
  end
  if is_news then head.revision = head.revision + 1 end
  redis.call('HSET', MAIN, 'head', cmsgpack.pack(head))
  if not is_over then return end
  not_active(head.id, head.app, head.caller)
  redis.call('ZADD', ALL, now, head.id)
  redis.call('ZADD', ENDS, now, head.id)
  redis.call('PEXPIRE', MAIN, kept)
  -- What is shared goes with the last broadcast, even if nobody comes to tidy up.
  if redis.call('ZCOUNT', ALL, UNFINISHED, UNFINISHED) == 0 then
    for n = 1, 6 do redis.call('PEXPIRE', KEYS[n], kept) end
  end
end

local function add(reply, ...)
  for _, value in ipairs({ ... }) do
    reply[#reply + 1] = type(value) == 'number' and digits(value) or value
  end
end

-- Adds the sealed chunks of these receivers to a reply.
local function add_receivers(reply, places)
  local is_added = {}
  for _, place in ipairs(places) do
    local n = math.floor(place / CHUNK)
    if not is_added[n] then
      is_added[n] = true
      add(reply, n, field(MAIN, 'r' .. n, LARGEST_RECEIVERS) or foreign())
    end
  end
end

local operations = {}
