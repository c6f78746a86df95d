-- The limits that replicas share: what src/limits/limiter.rs does in memory, in one step for a receiver and an
-- app together, by the server's clock. All times are in microseconds.
--
-- A value that is read may be foreign, or written by a clock that was stepped since. A value that this script
-- cannot have written counts as absent.
--
-- KEYS: the beginning of the epoch, the time that was seen last, a receiver or none (''), then apps
-- ARGV: the operation, the time or '' for the server's, the rules, and the operation's own arguments
--
-- A receiver's window slots are in its member `cells`, its hold ids are `asker`.

local operation, now = ARGV[1], tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function rule(n) return tonumber(ARGV[n + 2]) end
-- For a receiver: its limit and window, the longest pause of a cooldown, and how long a cooldown outlives its
-- pause. For an app: its burst and period, and the longest pauses that Feishu imposes, for the limits and for the
-- quota. Then: how long replicas may use their shares after an epoch has begun, and how long a message is under way.
local limit, window, longest_pause, kept = rule(1), rule(2), rule(3), rule(4)
local burst, period, longest_reset, longest_quota, overlap = rule(5), rule(6), rule(7), rule(8), rule(9)
local longest_call = rule(10)

local function arg(n) return tonumber(ARGV[n + 12]) end

-- A smaller step back of the clock is waited for. The moments of replicas with other rules may differ by it too.
local SLACK = 1000000
-- The largest record of a receiver or an app, in bytes.
local LARGEST = 65536 + 192 * limit

-- MGET, because it reads a value of another type as absent.
local function load(key)
  local packed = redis.call('MGET', key)[1]
  if not packed or #packed > LARGEST then return {} end
  local is_packed, value = pcall(cmsgpack.unpack, packed)
  return is_packed and type(value) == 'table' and value or {}
end

-- A moment, if it is past or comes within `longest`.
local function moment(value, longest)
  return type(value) == 'number' and value <= now + longest + SLACK and value or nil
end

-- Keeps a record for as long as it may count.
local function save(key, value, until_then)
  local left = math.ceil((until_then - now) / 1000)
  if left > 0 then
    redis.call('SET', key, cmsgpack.pack(value), 'PX', left)
  else
    redis.call('DEL', key)
  end
end

local function left(moment) return math.max((moment or 0) - now, 0) end

-- The earliest moments at which the receiver's slots become free, in their order. A message that is under way for
-- longer than its slot is taken by itself may arrive at any moment, and counts for a window from then on.
local function taken(it)
  local all = {}
  for _, taken_until in ipairs(it.cells) do all[#all + 1] = taken_until end
  for _, sent in ipairs(it.under_way) do
    if sent.cell <= now then all[#all + 1] = now + window end
  end
  table.sort(all)
  return all
end

-- Adds to a reply how long each of the receiver's slots is still taken.
local function with_slots(reply, it)
  local all = taken(it)
  for place = math.max(#all - limit, 0) + 1, #all do reply[#reply + 1] = left(all[place]) end
  return reply
end

-- When the epoch began, which is since when this server knows everything that was granted; and whether the clock
-- has gone back since the last look. A server that was restarted empty, or with another clock, does not know what
-- was granted before, so a new epoch begins and nothing is granted for a while.
local function epoch()
  local known = redis.call('MGET', KEYS[1], KEYS[2])
  local born, seen = tonumber(known[1] or nil), tonumber(known[2] or nil)
  local is_back = born and not moment(born, 0) or seen and not moment(seen, 0)
  if is_back or not born then
    born = now
    redis.call('SET', KEYS[1], born)
  end
  -- Not each time, because that is one write more.
  if is_back or not seen or now - seen > SLACK / 10 then redis.call('SET', KEYS[2], now) end
  return born, is_back and 1 or 0
end

-- What is granted in an epoch is granted from then on.
local function opens_at(born) return born + overlap + window end

-- A reply. It begins with this server: its clock, whether that has gone back, and in which time it opens or since when it
-- is open.
local function reply_of(born, is_back, ...)
  return { now, is_back, left(opens_at(born)), math.max(now - opens_at(born), 0), ... }
end

-- A receiver: the future moments until which its slots are taken; the messages under way with their slots, and
-- until when that is believed; if it cools down, its pause and the moment of its next probe.
local function receiver()
  local it, cells, under_way = load(KEYS[3]), {}, {}
  for _, sent in ipairs(type(it.under_way) == 'table' and it.under_way or {}) do
    local is_ours = type(sent) == 'table' and type(sent.asker) == 'number' and moment(sent.cell, window)
      and type(sent.believed_until) == 'number'
    -- A replica with other settings may have written a longer time.
    if is_ours then sent.believed_until = math.min(sent.believed_until, now + longest_call + window) end
    if is_ours and sent.believed_until > now and #under_way < 2 * limit then under_way[#under_way + 1] = sent end
  end
  for _, taken_until in ipairs(type(it.cells) == 'table' and it.cells or {}) do
    if moment(taken_until, window) and taken_until > now then cells[#cells + 1] = taken_until end
  end
  table.sort(cells)
  local pause, closed_until = it.pause, moment(it.closed_until, longest_pause)
  local is_pause = type(pause) == 'number' and pause > 0 and pause <= longest_pause
  if is_pause and closed_until and closed_until + kept > now then
    return { cells = cells, under_way = under_way, pause = pause, closed_until = closed_until }
  end
  return { cells = cells, under_way = under_way }
end

local function save_receiver(it)
  table.sort(it.cells)
  local until_then = it.cells[#it.cells] or 0
  for _, sent in ipairs(it.under_way) do until_then = math.max(until_then, sent.believed_until) end
  if it.pause then until_then = math.max(until_then, it.closed_until + kept) end
  save(KEYS[3], it, until_then)
end

-- An app: until when its bucket is spent, and until when Feishu pauses it, for the limits and for the quota.
local function app(key)
  local it = load(key)
  return {
    spent_until = moment(it.spent_until, overlap + (burst + 1) * period),
    closed_until = moment(it.closed_until, longest_reset),
    quota_until = moment(it.quota_until, longest_quota),
  }
end

local function save_app(key, it)
  save(key, it, math.max(it.spent_until or 0, it.closed_until or 0, it.quota_until or 0))
end

-- Removes a message that is no longer under way.
local function ended(it, hold_id)
  for place, sent in ipairs(it.under_way) do
    if sent.asker == hold_id then return table.remove(it.under_way, place) end
  end
end

local operations = {}

-- Takes a slot of the receiver and a call of the app, or neither if fewer than so many calls of the app would be left
-- then. Replies with the state of both.
function operations.take()
  local to, app, born, is_back = receiver(), app(KEYS[4]), epoch()
  local receiver_at = math.max(now, opens_at(born), to.closed_until or 0)
  local all = taken(to)
  if #all >= limit then receiver_at = math.max(receiver_at, all[#all - limit + 1]) end

  -- The bucket begins empty when the last replica has stopped to use its share.
  local spent_until = math.max(app.spent_until or 0, born + overlap + burst * period, now)
  local app_at = math.max(now, app.closed_until or 0, spent_until - (burst - 1 - arg(2)) * period)

  local granted, probe, slot = receiver_at <= now and app_at <= now, 0, now + window
  if granted then
    to.cells[#to.cells + 1] = slot
    to.under_way[#to.under_way + 1] = { asker = arg(1), cell = slot, believed_until = now + longest_call + window }
    if to.pause then
      to.closed_until, probe = now + to.pause, 1
    end
    app.spent_until = spent_until + period
    save_receiver(to)
    save_app(KEYS[4], app)
    spent_until = app.spent_until
  end
  local reply = reply_of(
    born, is_back, granted and 1 or 0, probe, slot, to.pause or 0, left(to.closed_until), left(spent_until),
    left(app.closed_until)
  )
  return with_slots(reply, to)
end

-- A message may have arrived only now. Its slot is 0 if it was sent without asking Redis.
function operations.arrived()
  local slot, to = arg(1), receiver()
  ended(to, arg(2))
  local own
  for place, taken_until in ipairs(to.cells) do
    if taken_until == slot then own = place end
  end
  -- The message took so long that another one may have its slot. Then it takes a free one, if there is one.
  if not own and #to.cells < limit then own = #to.cells + 1 end
  if own then to.cells[own] = now + window end
  save_receiver(to)
  return with_slots({}, to)
end

-- A message was not sent. Its slot becomes free by itself.
function operations.not_sent()
  local to = receiver()
  ended(to, arg(1))
  save_receiver(to)
  return with_slots({}, to)
end

-- Feishu refused a message because the receiver gets too many.
function operations.refused()
  local was_probe, first_pause, to = arg(1) == 1, arg(2), receiver()
  -- The message left before the cooldown began, so its refusal is no news.
  if was_probe or not to.pause then
    to.pause = to.pause and math.min(to.pause * 2, longest_pause) or first_pause
    to.closed_until = now + to.pause
    save_receiver(to)
  end
  return with_slots({}, to)
end

-- Feishu accepted a probe.
function operations.accepted()
  local to = receiver()
  to.pause, to.closed_until = nil, nil
  save_receiver(to)
  return with_slots({}, to)
end

-- Feishu refused a call because the app makes too many, or because its quota is used up.
function operations.close()
  local app, member = app(KEYS[4]), ARGV[14]
  app[member] = math.max(app[member] or 0, now + arg(1))
  save_app(KEYS[4], app)
end

-- Whether this server takes writes, and for how long the apps' quotas are used up. The caller asks for a new epoch
-- if replicas may have sent messages that this server does not know of.
function operations.beat()
  local born, is_back = epoch()
  if arg(1) == 1 then born = now end
  redis.call('SET', KEYS[1], born)
  local reply = reply_of(born, is_back)
  for n = 4, #KEYS do reply[#reply + 1] = left(app(KEYS[n]).quota_until) end
  return reply
end

return operations[operation]() or {}
