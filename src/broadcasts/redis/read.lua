
-- The heads of the broadcasts with these hashes.
function operations.find()
  local reply = { 'done' }
  for n = 8, #KEYS do
    local is_ours, it = pcall(function()
      local found = redis.call('TYPE', KEYS[n]).ok
      if found ~= 'none' and found ~= 'hash' then foreign() end
      return head_of(KEYS[n])
    end)
    if not is_ours and it ~= FOREIGN then error(it) end
    add(reply, not is_ours and 'foreign' or it and 'head' or 'none')
    if is_ours and it then
      add(reply, it.id, it.caller, it.app, it.message, it.state, it.paused_by or '', it.total, it.created, it.expires)
      add(reply, it.finished or '', it.retry_of or '', it.tenant or '', it.revision, unpack(it.counts, 1, 7))
    end
  end
  return reply
end

-- A caller's broadcasts, newest first.
function operations.list()
  local caller, before, most = text(), text(), number()
  local from, to = '[list/' .. caller .. '/', '(list/' .. caller .. (before ~= '' and '/' .. before or '0')
  return { 'done', unpack(redis.call('ZREVRANGEBYLEX', INDEX, to, from, 'LIMIT', 0, most)) }
end

-- The active broadcasts of an app, oldest first.
function operations.active()
  local app = text()
  local from, to = '[app/' .. app .. '/', '(app/' .. app .. '0'
  return { 'done', unpack(redis.call('ZRANGEBYLEX', INDEX, from, to, 'LIMIT', 0, MOST_AT_ONCE)) }
end

-- The apps that have active broadcasts, those behind `after` in the order of the index.
function operations.active_apps()
  local after = text()
  local reply, from = { 'done' }, after == '' and '[app/' or '(app/' .. after .. '0'
  while #reply <= MOST_AT_ONCE do
    local member = redis.call('ZRANGEBYLEX', INDEX, from, '(app0', 'LIMIT', 0, 1)[1]
    local app = member and member:match('^app/(.*)/[^/]*$')
    if not app then break end
    reply[#reply + 1] = app
    from = '(app/' .. app .. '0'
  end
  return reply
end

-- Broadcasts that have not finished, from this place in their order on.
function operations.unfinished()
  local from = number()
  local ids = redis.call('ZRANGEBYSCORE', ALL, UNFINISHED, UNFINISHED, 'LIMIT', from, MOST_AT_ONCE)
  return { 'done', unpack(ids) }
end

-- The most receivers that are looked at for one page.
local MOST_LOOKED_AT = 1024

-- Receivers in the states that are wanted, with the place to go on from, if there is more.
function operations.receivers()
  local place, most, wanted = number(), number(), text()
  if not load() then return { 'done', '', '0' } end
  local places, rows = {}, {}
  local last = math.min(head.total, place + MOST_LOOKED_AT)
  while place < last and #places < most do
    local it = receiver(place)
    local state = state_of(it)
    if wanted:sub(state + 1, state + 1) == '1' then
      places[#places + 1] = place
      local is_final = state ~= PENDING and state ~= IN_DOUBT
      add(rows, place, state, it[2], is_final and ended_at(it) or '', it[4])
    end
    place = place + 1
  end
  local reply = { 'done', #places < most and place < head.total and digits(place) or '', digits(#places) }
  for _, value in ipairs(rows) do reply[#reply + 1] = value end
  add_receivers(reply, places)
  return reply
end

-- Takes ends that are to be announced.
function operations.ends()
  local now, pause, most = time(), number(), number()
  local reply = { 'done' }
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ENDS, '-inf', now, 'LIMIT', 0, most)) do
    local told = note(id) or 0
    redis.call('HSET', NOTES, id, digits(told + 1))
    redis.call('ZADD', ENDS, now + pause, id)
    add(reply, id, told)
  end
  return reply
end

function operations.announced()
  local now, id, pause = time(), text(), text()
  if pause ~= '' then
    redis.call('ZADD', ENDS, 'XX', now + tonumber(pause), id)
  else
    redis.call('ZREM', ENDS, id)
    redis.call('HDEL', NOTES, id)
  end
  return { 'done' }
end

local is_done, reply = pcall(function()
  check_types(1, 7)
  return operations[ARGV[1]]()
end)
if is_done then return reply end
if reply == FOREIGN then return { 'foreign' } end
if type(reply) == 'table' then return reply end
error(reply)
