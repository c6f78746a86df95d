
-- How many receivers are kept in all.
local function kept_receivers() return note('receivers') or 0 end

-- Stages a part of a broadcast, and with the last part accepts it. Each time it is checked whether it may be accepted,
-- so that nothing is staged in vain.
function operations.accept()
  check_types(8, 12)
  local now, id, caller, app = time(), text(), text(), text()
  local request, content, most_active, most_broadcasts, most_receivers = text(), text(), number(), number(), number()
  local message, expires_in, retry_of, tenant = text(), number(), text(), text()
  local total, staged_for = number(), number()
  local known = field(REQUESTS, request, LARGEST_NOTE)
  local known_id = known and known:sub(1, #id)
  if known and redis.call('HEXISTS', CATALOG, known_id) == 1 then
    return known:sub(#id + 1) == content and { 'known', known_id } or { 'reused' }
  end
  if redis.call('ZLEXCOUNT', INDEX, '[key/' .. caller .. '/', '(key/' .. caller .. '0') >= most_active then
    return { 'too_many' }
  end
  local is_full = redis.call('HLEN', CATALOG) >= most_broadcasts or kept_receivers() + total > most_receivers
  if is_full then return { 'full' } end

  local is_last, first, many = text() == 'last', number(), number()
  for n = first, first + many - 1 do redis.call('HSET', STAGED, 'r' .. n, text()) end
  redis.call('PEXPIRE', STAGED, staged_for)
  if not is_last then return { 'staged' } end

  local is_whole = redis.call('HLEN', STAGED) == math.ceil(total / CHUNK) and redis.call('EXISTS', MAIN) == 0
  if not is_whole then return { 'lost' } end
  local begun = {
    id = id, caller = caller, app = app, message = message, state = 'running', total = total, created = now,
    expires = now + expires_in, revision = 1, next = 0, request = request, counts = { total, 0, 0, 0, 0, 0, 0 },
    retry_of = retry_of ~= '' and retry_of or nil, tenant = tenant ~= '' and tenant or nil,
  }
  redis.call('HSET', STAGED, 'head', cmsgpack.pack(begun))
  redis.call('HSET', CATALOG, id, cmsgpack.pack({ total = total, caller = caller, app = app, request = request }))
  redis.call('HSET', REQUESTS, request, id .. content)
  redis.call('HSET', NOTES, 'receivers', digits(kept_receivers() + total))
  local named = caller .. '/' .. id
  redis.call('ZADD', INDEX, 0, 'app/' .. app .. '/' .. id, 0, 'key/' .. named, 0, 'list/' .. named)
  redis.call('ZADD', ALL, UNFINISHED, id)
  redis.call('RENAME', STAGED, MAIN)
  redis.call('PERSIST', MAIN)
  for n = 1, 6 do redis.call('PERSIST', KEYS[n]) end
  return { 'accepted', digits(now) }
end
