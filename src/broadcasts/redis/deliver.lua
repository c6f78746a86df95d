
-- A process lives for so long.
local function live(owner, outlives)
  local now = server_time()
  redis.call('ZREMRANGEBYSCORE', OWNERS, '-inf', now)
  redis.call('ZADD', OWNERS, now + outlives, owner)
  redis.call('PEXPIRE', OWNERS, outlives)
end

-- Frees what processes hold that do not live any more. A time that is further away than a process may set it was set
-- before the server's clock went back.
local function free(outlives)
  local now, after = server_time(), '-inf'
  for _ = 1, MOST_AT_ONCE do
    local owner = redis.call('ZRANGEBYSCORE', HELD, after, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
    if not owner then return end
    local alive_until = tonumber(redis.call('ZSCORE', OWNERS, owner) or 0)
    if alive_until <= now or alive_until > now + outlives then
      for _, place in ipairs(redis.call('ZRANGEBYSCORE', HELD, owner, owner, 'LIMIT', 0, MOST_AT_ONCE)) do
        redis.call('ZADD', DOUBTFUL, 0, place)
        redis.call('ZREM', HELD, place)
      end
    end
    after = '(' .. owner
  end
end

function operations.beat()
  time()
  live(text(), number())
  return { 'done' }
end

-- How many of those that are due again are sorted by place at least.
local SORTED = 200

-- Up to so many receivers that are due, by place. If very many are due again, those that are due first.
local function due(now, most)
  local places, is_open = {}, now < head.expires
  for _, key in ipairs(is_open and { DOUBTFUL, AGAIN } or { DOUBTFUL }) do
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, math.max(most, SORTED))) do
      places[#places + 1] = place_of(member)
    end
  end
  table.sort(places)
  while #places > most do places[#places] = nil end
  while is_open and #places < most and head.next < head.total do
    -- A server that lost the claim may have heard of its delivery.
    if receiver(head.next)[1] == PENDING then places[#places + 1] = head.next end
    head.next = head.next + 1
  end
  return places
end

function operations.claim()
  local now, owner, outlives, most = time(), text(), number(), number()
  if not load() or not IS_ACTIVE[head.state] then return { 'done', '0' } end
  live(owner, outlives)
  free(outlives)
  local places = due(now, most)
  local reply = { 'done', digits(#places) }
  for _, place in ipairs(places) do
    local it = receiver(place)
    if it[1] ~= PENDING and it[1] ~= IN_DOUBT then foreign() end
    local since = it[1] == IN_DOUBT and it[3] or nil
    it[2] = it[2] + 1
    turn(place, it, IN_DOUBT, since or now)
    add(reply, place, it[2], since or '')
  end
  add_receivers(reply, places)
  for _, place in ipairs(places) do
    redis.call('ZADD', HELD, owner, place)
    redis.call('ZREM', AGAIN, place)
    redis.call('ZREM', DOUBTFUL, place)
  end
  if #places > 0 then save(now) end
  return reply
end

local FINAL = { delivered = DELIVERED, not_delivered = NOT_DELIVERED, unknown = UNKNOWN }

function operations.settle()
  local now, kept, many = time(), number(), number()
  if not load() then return { 'done' } end
  local moved = {}
  for _ = 1, many do
    local place, claim, became, pause, outcome = number(), number(), text(), number(), text()
    local it = place < head.total and receiver(place) or { UNKNOWN }
    local state = state_of(it)
    local is_own = state == IN_DOUBT and it[2] == claim
    local is_open = state == IN_DOUBT or state == PENDING
    if is_own or is_open and became == 'delivered' then
      it[4] = outcome
      local queue
      if became == 'in_doubt' then
        queue = DOUBTFUL
        save_receiver(place, it)
      elseif became == 'not_sent' and IS_ACTIVE[head.state] then
        queue = AGAIN
        turn(place, it, PENDING, head.ended and math.max(now, 1) or 0)
      elseif became == 'not_sent' then
        turn(place, it, CANCELED, now)
      else
        turn(place, it, FINAL[became], now)
      end
      moved[#moved + 1] = { place, queue, now + pause }
    end
  end
  for _, it in ipairs(moved) do
    local place, queue, due = unpack(it, 1, 3)
    if queue then redis.call('ZADD', queue, due, place) end
    for _, key in ipairs({ AGAIN, DOUBTFUL, HELD }) do
      if key ~= queue then redis.call('ZREM', key, place) end
    end
  end
  if #moved > 0 then save(now, kept) end
  return { 'done' }
end
