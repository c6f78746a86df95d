
-- What is pending ends in this state: all that is pending for the first time together, and later one by one what has
-- been in doubt meanwhile.
local function end_pending(state, now)
  if not head.ended then
    count(PENDING, state, head.counts[PENDING + 1])
    head.ended, head.ended_at = state, now
  else
    for _, member in ipairs(redis.call('ZRANGE', AGAIN, 0, -1)) do
      local place = place_of(member)
      local it = receiver(place)
      if it[1] ~= PENDING then foreign() end
      turn(place, it, state, now)
    end
  end
  redis.call('UNLINK', AGAIN)
end

function operations.cancel()
  local now, kept = time(), number()
  if not load() or not IS_ACTIVE[head.state] then return { 'done' } end
  head.state, head.paused_by, is_news = 'canceled', nil, true
  end_pending(CANCELED, now)
  not_active(head.id, head.app, head.caller)
  save(now, kept)
  return { 'done' }
end

function operations.pause()
  local by = text()
  if not load() or not IS_ACTIVE[head.state] then return { 'done' } end
  local state, paused_by = by ~= '' and 'paused' or 'running', by ~= '' and by or nil
  is_news = state ~= head.state or paused_by ~= head.paused_by
  head.state, head.paused_by = state, paused_by
  if is_news then save() end
  return { 'done' }
end

-- Queues again what is in no queue, after Redis has lost a queue of the broadcast.
local function requeue()
  local function size(key) return redis.call('ZCARD', key) end
  local is_lost = head.counts[IN_DOUBT + 1] > size(DOUBTFUL) + size(HELD)
    or head.counts[PENDING + 1] > (head.ended and 0 or head.total - head.next) + size(AGAIN)
  for place = 0, is_lost and head.next - 1 or -1 do
    local state = state_of(receiver(place))
    if state == PENDING then redis.call('ZADD', AGAIN, 'NX', 0, place) end
    local is_queued = state ~= IN_DOUBT or redis.call('ZSCORE', HELD, place)
    if not is_queued then redis.call('ZADD', DOUBTFUL, 'NX', 0, place) end
  end
end

-- One step of ending what time has ended. Replies whether there is more to do, or that the broadcast is gone.
function operations.tidy()
  local now, kept, outlives, doubtful_before = time(), number(), number(), number()
  if not load() then return { 'gone' } end
  requeue()
  free(outlives)
  if IS_ACTIVE[head.state] and now >= head.expires and head.counts[PENDING + 1] > 0 then end_pending(EXPIRED, now) end
  local is_canceled, ended = head.state == 'canceled', {}
  for _, member in ipairs(redis.call('ZRANGE', DOUBTFUL, 0, MOST_AT_ONCE - 1)) do
    local place = place_of(member)
    local it = receiver(place)
    if it[1] ~= IN_DOUBT then foreign() end
    if is_canceled or it[3] < doubtful_before then
      turn(place, it, UNKNOWN, now)
      ended[#ended + 1] = place
    end
  end
  for _, place in ipairs(ended) do redis.call('ZREM', DOUBTFUL, place) end
  if is_news then save(now, kept) end
  return { #ended == MOST_AT_ONCE and 'more' or 'done' }
end

-- Removes everything of a broadcast, also of one that cannot be read.
function operations.forget()
  local id = text()
  local packed = field(CATALOG, id, LARGEST_NOTE)
  local is_packed, it = pcall(unpacked, packed or '')
  if is_packed and type(it.caller) == 'string' and type(it.app) == 'string' then
    not_active(id, it.app, it.caller)
    redis.call('ZREM', INDEX, 'list/' .. it.caller .. '/' .. id)
  end
  if is_packed and type(it.request) == 'string' then
    local known = field(REQUESTS, it.request, LARGEST_NOTE)
    if known and known:sub(1, #id) == id then redis.call('HDEL', REQUESTS, it.request) end
  end
  if is_packed and is_count(it.total) then
    redis.call('HSET', NOTES, 'receivers', digits(math.max(kept_receivers() - it.total, 0)))
  end
  redis.call('HDEL', CATALOG, id)
  redis.call('HDEL', NOTES, id)
  redis.call('ZREM', ALL, id)
  redis.call('ZREM', ENDS, id)
  redis.call('UNLINK', MAIN, AGAIN, DOUBTFUL, HELD)
  return { 'done' }
end

-- Broadcasts that are to be forgotten: those that finished before then, and the oldest finished ones beyond what is kept.
function operations.outdated()
  local finished_before, most_broadcasts, most_receivers, most = number(), number(), number(), number()
  local broadcasts, receivers = redis.call('HLEN', CATALOG), kept_receivers()
  local reply = { 'done' }
  local oldest = redis.call('ZRANGEBYSCORE', ALL, 0, '+inf', 'WITHSCORES', 'LIMIT', 0, most)
  for n = 1, #oldest, 2 do
    local is_beyond = broadcasts > most_broadcasts or receivers > most_receivers
    if not is_beyond and tonumber(oldest[n + 1]) >= finished_before then break end
    add(reply, oldest[n])
    local packed = field(CATALOG, oldest[n], LARGEST_NOTE)
    local is_packed, it = pcall(unpacked, packed or '')
    broadcasts = broadcasts - 1
    if is_packed and is_count(it.total) then receivers = receivers - it.total end
  end
  return reply
end
