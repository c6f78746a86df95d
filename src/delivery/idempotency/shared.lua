-- One forward for one key of a caller's, among replicas.
--
-- KEYS: the key's record, and since when Redis knows what replicas do (limits/shared.lua)
-- ARGV: the operation, the fingerprint of what is forwarded, the replica's forward, and what the
--       operation takes; times in milliseconds
--
-- A record has the content; while a forward is under way its owner, and until when to believe that;
-- the time of the first attempt that may have gone out, and whether it is in doubt by another one than the owner;
-- and what finally became of it, sealed, and whether it was refused. One that this script cannot have written is
-- none.

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

-- Whether all is written here that any replica knows: they may take so long to repeat it to a Redis come anew.
local function is_whole(repeating)
  local micros = tonumber(redis.call('MGET', KEYS[2])[1] or nil)
  return micros and now - micros / 1000 >= repeating
end

if operation == 'claim' then
  local lease, kept_in_doubt, repeating = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
  -- A lease that ends later was given by a clock that has gone back since.
  if record and record.owner and record.lease_until > now + lease then record.lease_until = now end
  local answer = used()
  if answer then return answer end
  record = record or { content = content }
  -- Who asks again is no doubt to itself.
  if record.owner ~= owner then record.was_in_doubt = record.first_attempt ~= nil end
  record.owner, record.lease_until = owner, now + lease
  -- Should this replica die, nobody can know whether it has sent.
  record.first_attempt = record.first_attempt or now
  save(kept_in_doubt)
  return { 'lead', record.was_in_doubt and age() or '', is_whole(repeating) and 'whole' or '' }
end

-- It has ended. Another one may have taken over, and Redis may have been emptied since: what went out or may
-- have is news even so.
if operation == 'end' then
  local became, attempted, outcome = ARGV[4], tonumber(ARGV[5]), ARGV[9]
  local kept, kept_in_doubt, kept_unsent = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
  if record and (record.content ~= content or record.outcome and not record.is_refused) then return { 'ended' } end
  -- What is still under way is as good here as it was.
  if became == 'under_way' and record then return { 'ended' } end
  local is_mine = record and record.owner == owner
  if not is_mine and became == 'not_out' then return { 'ended' } end
  record = record or { content = content }
  if became == 'delivered' or is_mine then record.owner, record.lease_until = nil, nil end
  local is_delivered, may_be_out = became == 'delivered', became ~= 'delivered' and became ~= 'not_out'
  if may_be_out then
    record.first_attempt = math.max(math.min(record.first_attempt or now, now - attempted), 0)
    record.was_in_doubt, record.outcome, record.is_refused = true, nil, nil
  end
  if is_delivered then
    record.outcome, record.first_attempt, record.is_refused = outcome, nil, nil
    save(kept)
  elseif became == 'out' then
    -- With which answer nobody can read; it is remembered for as long as one that can be.
    save(math.max(kept - attempted, kept_unsent))
  elseif record.was_in_doubt then
    -- Who never sent knows nothing of what was sent before.
    save(math.min(math.max(record.first_attempt + kept_in_doubt - now, kept), kept_in_doubt))
  else
    record.first_attempt = nil
    if outcome ~= '' then record.outcome, record.is_refused = outcome, true end
    save(outcome ~= '' and kept or kept_unsent)
  end
end
return { 'ended' }
