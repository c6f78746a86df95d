-- A `uuid` that a caller has chosen, among replicas.
--
-- KEYS: the record of the caller's `uuid`, and the beginning of the epoch (limits/shared.lua)
-- ARGV: the operation, the fingerprint of the forward, the id of the claim, the replica's calendar, the greatest age
--       of the first attempt, how long records are kept (delivered, in doubt, neither), how long replicas may take to
--       write again what an emptied Redis has lost, and the operation's own arguments; times in milliseconds
--
-- A record holds the fingerprint (`content`) and the time of its last use; the claims at work; the time of the
-- first attempt that was or may have been delivered, by the clocks of Redis and of the replica; and whether an
-- attempt was delivered (`is_out`), or is in doubt.

local operation, content, owner, calendar, attempted = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local kept_out, kept_in_doubt, kept, repeating = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local most_at_work = 16
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- The largest record, in bytes.
local largest = 4096

local function is_time(value) return type(value) == 'number' and value >= 0 and value < 1e15 end

-- MGET, because it reads a value of another type as absent.
local packed, born = unpack(redis.call('MGET', KEYS[1], KEYS[2]))

-- A record that this script cannot have written counts as absent.
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

-- Notes that the first attempt was made no later than the caller says.
local function date()
  local at, by_calendar = now - attempted, calendar - attempted
  record.first_attempt = math.max(math.min(record.first_attempt or at, at), 0)
  record.calendar = math.max(math.min(record.calendar or by_calendar, by_calendar), 0)
end

-- Whether this server knows everything that any replica knows.
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
  -- A claim may join again, and is no doubt to itself.
  record.at_work[owner] = nil
  local others, earlier, age = count(), '', ''
  if record.is_out or record.in_doubt or others > 0 then
    -- The greater age counts, so a clock that was set back makes no attempt younger.
    age = string.format('%.0f', math.max(now - record.first_attempt, calendar - record.calendar, 0))
    earlier = (record.is_out and not record.in_doubt and others == 0) and 'out' or 'may_be_out'
  end
  date()
  if others >= most_at_work then record.at_work, record.in_doubt = {}, true end
  record.used_at, record.at_work[owner] = now, true
  save()
  return { 'joined', earlier, age, is_whole() and 'whole' or '' }
end

-- Redis may have been emptied since the claim joined. A forward that is still under way changes nothing in a record
-- that is there.
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
