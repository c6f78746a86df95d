-- One forward for one key of a caller's, among replicas.
--
-- KEYS: the key's record
-- ARGV: the operation, the fingerprint of what is forwarded, the replica's forward, and what the
--       operation takes; times in milliseconds
--
-- A record has the content; while a forward is under way its owner, and until when to believe that;
-- the time of the first attempt that may have gone out, and whether it was in doubt before this owner came;
-- and what finally became of it, sealed. One that this script cannot have written is none.

local operation, content, owner = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- More than any record takes, in bytes.
local LARGEST = 524288

local function is_text(value) return value == nil or type(value) == 'string' end
local function is_time(value) return value == nil or type(value) == 'number' and value >= 0 and value < 1e15 end

local function load()
  -- MGET, as to it what is of another type is just not there.
  local packed = redis.call('MGET', KEYS[1])[1]
  if not packed or #packed > LARGEST then return nil end
  local is_packed, record = pcall(cmsgpack.unpack, packed)
  local is_ours = is_packed and type(record) == 'table' and type(record.content) == 'string'
    and is_text(record.owner) and is_text(record.outcome)
    and is_time(record.lease_until) and is_time(record.first_attempt)
    and (record.owner == nil or record.lease_until and record.first_attempt)
  return is_ours and record or nil
end
local record = load()

local function save(kept) redis.call('SET', KEYS[1], cmsgpack.pack(record), 'PX', math.floor(kept)) end

-- How long ago the first attempt was. If that is to come, the clock has gone back since, and it may have been
-- long ago: a day is too long to repeat anything.
local function age()
  local age = now - record.first_attempt
  return string.format('%.0f', age < -1000 and 86400000 or math.max(age, 0))
end

local function used()
  if not record then return nil end
  if record.content ~= content then return { 'reused' } end
  if record.outcome then return { 'done', record.outcome } end
  if record.owner and record.owner ~= owner and record.lease_until > now then return { 'busy', age() } end
  return nil
end

if operation == 'look' then return used() or { 'lead' } end

if operation == 'claim' then
  local lease, kept_in_doubt = tonumber(ARGV[4]), tonumber(ARGV[5])
  -- A lease that ends later was given by a clock that has gone back since.
  if record and record.owner and record.lease_until > now + lease then record.lease_until = now end
  local answer = used()
  if answer then return answer end
  record = record or { content = content }
  local was_in_doubt = record.first_attempt ~= nil
  record.was_in_doubt = was_in_doubt
  record.owner, record.lease_until = owner, now + lease
  -- Should this replica die, nobody can know whether it has sent.
  record.first_attempt = record.first_attempt or now
  save(kept_in_doubt)
  return { 'lead', was_in_doubt and age() or '' }
end

-- It has ended, for the owner alone: another one may have taken over.
if operation == 'end' and record and record.owner == owner then
  local outcome, in_doubt = ARGV[4], ARGV[5] == '1'
  local kept, kept_in_doubt, kept_unsent = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
  record.owner, record.lease_until = nil, nil
  if outcome ~= '' then
    record.outcome, record.first_attempt = outcome, nil
    save(kept)
  elseif in_doubt or record.was_in_doubt then
    -- Who never sent knows nothing of what was sent before.
    save(math.min(math.max(record.first_attempt + kept_in_doubt - now, kept), kept_in_doubt))
  else
    record.first_attempt = nil
    save(kept_unsent)
  end
end
return { 'ended' }
