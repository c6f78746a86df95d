-- What a `uuid` stands for that a caller has chosen, among replicas.
--
-- KEYS: the record of the caller's `uuid`, and since when Redis knows what replicas do (limits/shared.lua)
-- ARGV: the operation, the fingerprint of what is forwarded, the replica's forward, the replica's calendar, how
--       long ago the first attempt was made at most, for how long things are kept (what went out, what is in
--       doubt, what did neither), for how long replicas may repeat what they know to a Redis come anew, and what
--       the operation takes; times in milliseconds
--
-- A record has the content and when it was used last; the forwards that are at work on it; when the first attempt
-- was made that went out or may have, by the clocks of Redis and of the replica; and whether one is known to
-- have gone out, or is in doubt.

local operation, content, owner, calendar, attempted = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local kept_out, kept_in_doubt, kept, repeating = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local most_at_work = 16
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- More than any record takes, in bytes.
local largest = 4096

local function is_time(value) return type(value) == 'number' and value >= 0 and value < 1e15 end

-- MGET, as to it what is of another type is just not there.
local packed, born = unpack(redis.call('MGET', KEYS[1], KEYS[2]))

-- What this script cannot have written is as if it were not there.
local function read()
  if not packed or #packed > largest then return nil end
  local is_packed, found = pcall(cmsgpack.unpack, packed)
  local is_ours = is_packed and type(found) == 'table' and type(found.content) == 'string'
    and type(found.at_work) == 'table' and is_time(found.used_at)
    and (is_time(found.first_attempt) and is_time(found.calendar)
      or found.first_attempt == nil and not (found.is_out or found.in_doubt or next(found.at_work)))
  return is_ours and found or nil
end

local record = read()

local function count()
  local all = 0
  for _ in pairs(record.at_work) do all = all + 1 end
  return all
end

local function save()
  local time = kept
  if record.in_doubt or count() > 0 then time = kept_in_doubt
  elseif record.is_out then time = kept_out
  else record.first_attempt = nil end
  redis.call('SET', KEYS[1], cmsgpack.pack(record), 'PX', time)
end

-- The first attempt was made no later than this.
local function date()
  local at, by_calendar = now - attempted, calendar - attempted
  record.first_attempt = math.max(math.min(record.first_attempt or at, at), 0)
  record.calendar = math.max(math.min(record.calendar or by_calendar, by_calendar), 0)
end

-- Whether all is written here that any replica knows.
local function is_whole()
  local micros = tonumber(born or nil)
  return micros and now - micros / 1000 >= repeating
end

if operation == 'join' then
  if record and record.content ~= content then
    if math.abs(now - record.used_at) < kept_out then return { 'reused' } end
    record = nil
  end
  record = record or { content = content, at_work = {} }
  -- It may ask again, and is no doubt to itself.
  record.at_work[owner] = nil
  local others, earlier, age = count(), '', ''
  if record.is_out or record.in_doubt or others > 0 then
    -- A clock that was set back makes nothing younger.
    age = string.format('%.0f', math.max(now - record.first_attempt, calendar - record.calendar, 0))
    earlier = (record.is_out and not record.in_doubt and others == 0) and 'out' or 'may_be_out'
  end
  date()
  if others >= most_at_work then record.at_work, record.in_doubt = {}, true end
  record.used_at, record.at_work[owner] = now, true
  save()
  return { 'joined', earlier, age, is_whole() and 'whole' or '' }
end

-- Redis may have been emptied since it was joined. What is still under way is as good here as it was.
local became = ARGV[10]
if became == 'under_way' then
  if record then return { 'left' } end
  became = 'unknown'
end
if operation == 'leave' and not record and became ~= 'nothing' then
  record = { content = content, at_work = {}, used_at = now - attempted }
end
if operation == 'leave' and record and record.content == content then
  record.at_work[owner] = nil
  if became ~= 'nothing' then date() end
  if became == 'out' then record.is_out, record.in_doubt = true, nil end
  if became == 'unknown' then record.in_doubt = true end
  save()
end
return { 'left' }
