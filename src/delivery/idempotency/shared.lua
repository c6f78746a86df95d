-- One forward for one key of a caller's, among replicas.
--
-- KEYS: the key's record
-- ARGV: the operation, the fingerprint of what is forwarded, the replica's forward, and what the
--       operation takes; times in milliseconds
--
-- A record has the content; while a forward is under way its owner, and until when to believe that;
-- the time of the first attempt that may have gone out, and whether it was in doubt before this owner came;
-- and what finally became of it, sealed.

local operation, content, owner = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local packed = redis.call('GET', KEYS[1])
local record = packed and cmsgpack.unpack(packed)

local function save(kept) redis.call('SET', KEYS[1], cmsgpack.pack(record), 'PX', kept) end

local function used()
  if not record then return nil end
  if record.content ~= content then return { 'reused' } end
  if record.outcome then return { 'done', record.outcome } end
  if record.owner and record.owner ~= owner and record.lease_until > now then
    return { 'busy', tostring(now - record.first_attempt) }
  end
  return nil
end

if operation == 'look' then return used() or { 'lead' } end

if operation == 'claim' then
  local lease, kept_in_doubt = tonumber(ARGV[4]), tonumber(ARGV[5])
  local answer = used()
  if answer then return answer end
  record = record or { content = content }
  local first_attempt = record.first_attempt
  record.was_in_doubt = first_attempt ~= nil
  record.owner, record.lease_until = owner, now + lease
  -- Should this replica die, nobody can know whether it has sent.
  record.first_attempt = first_attempt or now
  save(kept_in_doubt)
  return { 'lead', first_attempt and tostring(now - first_attempt) or '' }
end

-- It has ended, for the owner alone: another one may have taken over.
if operation == 'end' and record and record.owner == owner then
  local outcome, in_doubt = ARGV[4], ARGV[5] == '1'
  local kept, kept_in_doubt = tonumber(ARGV[6]), tonumber(ARGV[7])
  record.owner, record.lease_until = nil, nil
  if outcome ~= '' then record.outcome = outcome end
  -- Who never sent knows nothing of what was sent before.
  if outcome ~= '' or not (in_doubt or record.was_in_doubt) then
    record.first_attempt = nil
    save(kept)
  else
    save(math.max(record.first_attempt + kept_in_doubt - now, kept))
  end
end
return { 'ended' }
