-- The limits that replicas share: what src/limits does in memory, in one step for a receiver and an app
-- together, by the server's clock. All times are in microseconds.
--
-- KEYS: the birth, then a receiver or none (''), then apps
-- ARGV: the operation, the time or '' for the server's, and what the operation takes

local operation, now = ARGV[1], tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function arg(n) return tonumber(ARGV[n + 2]) end

local function load(key)
  local packed = redis.call('GET', key)
  return packed and cmsgpack.unpack(packed) or {}
end

-- Kept for as long as it may matter.
local function save(key, value, until_then)
  local left = math.ceil((until_then - now) / 1000)
  if left > 0 then
    redis.call('SET', key, cmsgpack.pack(value), 'PX', left)
  else
    redis.call('DEL', key)
  end
end

local function left(moment) return math.max((moment or 0) - now, 0) end

-- Adds to a reply how long each of the receiver's cells is still taken.
local function with_cells(reply, it)
  for _, taken_until in ipairs(it.cells) do reply[#reply + 1] = left(taken_until) end
  return reply
end

-- Since when everything that was ever allowed is written down here. Redis may have been restarted
-- empty: what was allowed before is not known, so nothing is for a while.
local function birth()
  local born = tonumber(redis.call('GET', KEYS[1]))
  if not born then
    born = now
    redis.call('SET', KEYS[1], born)
  end
  return born
end

-- A receiver: the moments until which its cells are taken, only those to come; with a caution, its pause
-- and until when it is closed.
local function receiver(kept)
  local it = load(KEYS[2])
  local cells = {}
  for _, taken_until in ipairs(it.cells or {}) do
    if taken_until > now then cells[#cells + 1] = taken_until end
  end
  table.sort(cells)
  it.cells = cells
  if it.pause and it.closed_until + kept <= now then it.pause, it.closed_until = nil, nil end
  return it
end

local function save_receiver(it, kept)
  table.sort(it.cells)
  local until_then = it.cells[#it.cells] or 0
  if it.pause then until_then = math.max(until_then, it.closed_until + kept) end
  save(KEYS[2], it, until_then)
end

-- An app: until when it is spent, and until when Feishu closed it, for the limits and for the quota.
local function save_app(key, it)
  save(key, it, math.max(it.spent_until or 0, it.closed_until or 0, it.quota_until or 0))
end

local operations = {}

-- Takes the receiver's turn and the app's together, or neither, and tells what there is of both.
function operations.take()
  local limit, window, burst, period = arg(1), arg(2), arg(3), arg(4)
  local overlap, kept = arg(5), arg(6)
  local to, app, born = receiver(kept), load(KEYS[3]), birth()
  local opens_at = born + overlap + window

  local receiver_at = math.max(now, opens_at, to.closed_until or 0)
  if #to.cells >= limit then receiver_at = math.max(receiver_at, to.cells[#to.cells - limit + 1]) end

  -- It begins empty, when the last of those who kept to their shares has stopped to.
  local spent_until = math.max(app.spent_until or 0, born + overlap + burst * period, now)
  local app_at = math.max(now, app.closed_until or 0, spent_until - (burst - 1) * period)

  local granted, trial, cell = receiver_at <= now and app_at <= now, 0, now + window
  if granted then
    to.cells[#to.cells + 1] = cell
    if to.pause then
      to.closed_until, trial = now + to.pause, 1
    end
    app.spent_until = spent_until + period
    save_receiver(to, kept)
    save_app(KEYS[3], app)
    spent_until = app.spent_until
  end
  local seen = {
    granted and 1 or 0, trial, cell, left(opens_at), to.pause or 0, left(to.closed_until),
    left(spent_until), left(app.closed_until),
  }
  return with_cells(seen, to)
end

-- The message with this cell (none for one that was sent without asking) may have arrived only now.
function operations.arrived()
  local cell, limit, window, kept = arg(1), arg(2), arg(3), arg(4)
  local to = receiver(kept)
  local own
  for place, taken_until in ipairs(to.cells) do
    if taken_until == cell then own = place end
  end
  -- It took so long that another message may have its cell; there is a free one, or all count already.
  if not own and #to.cells < limit then own = #to.cells + 1 end
  if own then
    to.cells[own] = now + window
    save_receiver(to, kept)
  end
  return with_cells({}, to)
end

-- Feishu refused a message because the receiver gets too many.
function operations.refused()
  local was_trial, first_pause, longest_pause, kept = arg(1) == 1, arg(2), arg(3), arg(4)
  local to = receiver(kept)
  -- It left before the gate was closed: there is nothing new in it.
  if was_trial or not to.pause then
    to.pause = to.pause and math.min(to.pause * 2, longest_pause) or first_pause
    to.closed_until = now + to.pause
    save_receiver(to, kept)
  end
  return with_cells({}, to)
end

-- Feishu accepted a trial.
function operations.accepted()
  local kept = arg(1)
  local to = receiver(kept)
  to.pause, to.closed_until = nil, nil
  save_receiver(to, kept)
  return with_cells({}, to)
end

-- Feishu refused a call because the app makes too many, or because its quota is used up.
function operations.close()
  local app, gate = load(KEYS[3]), ARGV[4]
  app[gate] = math.max(app[gate] or 0, now + arg(1))
  save_app(KEYS[3], app)
end

-- Whether this server takes writes, and for how long the apps' quotas are used up. With a rebirth, others
-- may have been sending without writing it down here.
function operations.beat()
  if arg(1) == 1 then redis.call('SET', KEYS[1], now) else redis.call('SET', KEYS[1], birth()) end
  local quotas = {}
  for n = 3, #KEYS do quotas[#quotas + 1] = left(load(KEYS[n]).quota_until) end
  return quotas
end

return operations[operation]() or {}
