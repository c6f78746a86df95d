-- One forward for one key of a caller, among replicas.
--
-- KEYS: the key's record, and the beginning of the epoch (limits/shared.lua)
-- ARGV: the operation, the fingerprint of the forward, the id of the lease, and the operation's own arguments;
--       times in milliseconds
--
-- A record holds the fingerprint (`content`); during a forward the lease's owner and end; the time of the first
-- attempt that may have been delivered, and whether an attempt of another owner is in doubt; and the final conclusion,
-- sealed, and whether that is a refusal. A record that this script cannot have written counts as absent.

local operation, content, owner = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- The largest record, in bytes.
local LARGEST = 524288

local function is_text(value) return value == nil or type(value) == 'string' end
local function is_time(value) return value == nil or type(value) == 'number' and value >= 0 and value < 1e15 end

local function load()
  -- MGET, because it reads a value of another type as absent.
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

-- The age of the first attempt. If its time is to come, the clock has gone back since, and the attempt may be old:
-- a day is too old to repeat anything.
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

-- Whether this server knows everything that any replica knows. Replicas may take this time to write again what an
-- emptied Redis has lost.
local function is_whole(repeating)
  local micros = tonumber(redis.call('MGET', KEYS[2])[1] or nil)
  return micros and now - micros / 1000 >= repeating
end

if operation == 'claim' then
  local lease, kept_in_doubt, repeating = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
  -- A lease that ends later than a new one was given before the clock went back.
  if record and record.owner and record.lease_until > now + lease then record.lease_until = now end
  local answer = used()
  if answer then return answer end
  record = record or { content = content }
  -- An owner that asks again is no doubt to itself.
  if record.owner ~= owner then record.was_in_doubt = record.first_attempt ~= nil end
  record.owner, record.lease_until = owner, now + lease
  -- If the owner dies, nobody can know whether it has sent.
  record.first_attempt = record.first_attempt or now
  save(kept_in_doubt)
  return { 'lead', record.was_in_doubt and age() or '', is_whole(repeating) and 'whole' or '' }
end

-- A forward has ended. Another owner may have taken over, and Redis may have been emptied since. That a message was
-- or may have been delivered is news even then.
if operation == 'end' then
  local became, attempted, outcome = ARGV[4], tonumber(ARGV[5]), ARGV[9]
  local kept, kept_in_doubt, kept_unsent = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
  if record and (record.content ~= content or record.outcome and not record.is_refused) then return { 'ended' } end
  -- A forward that is still under way changes nothing in a record that is there.
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
    -- The answer is not kept. The delivery is remembered for as long as one whose answer is.
    save(math.max(kept - attempted, kept_unsent))
  elseif record.was_in_doubt then
    -- An owner that has sent nothing knows nothing of earlier attempts.
    save(math.min(math.max(record.first_attempt + kept_in_doubt - now, kept), kept_in_doubt))
  else
    record.first_attempt = nil
    if outcome ~= '' then record.outcome, record.is_refused = outcome, true end
    save(outcome ~= '' and kept or kept_unsent)
  end
end
return { 'ended' }
