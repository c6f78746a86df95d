-- What wrk sends to every contestant: forwards to receivers by turns, with keys at random.
-- Arguments: the first receiver's number, how many receivers there are, the file of the keys (one a line),
-- and `once` to end when each receiver got one message. Or `keyed` for as many forwards, each with an
-- `Idempotency-Key` of its own, to a few receivers.
local first, count, once, keyed
local FEW = 1000
local forms = {}
local made, answered, refused = 0, 0, 0
local began
-- As long as an id, so that the length in the head is right.
local hole = string.rep("@", 24)

local function form(key)
  wrk.headers["X-Api-Key"] = key
  local text = wrk.format("POST", nil, nil, '{"receive_id":"oc_' .. hole .. '"}')
  local parts = {}
  for part in (text .. hole):gmatch("(.-)" .. hole) do parts[#parts + 1] = part end
  return parts
end

local function id(number)
  return string.format("%024d", number)
end

local function count_answer(status)
  answered = answered + 1
  if status ~= 200 then refused = refused + 1 end
  if answered == count then
    -- wrk itself would go on until its time is over.
    print(string.format('{"requests": %d, "seconds": %d, "refused": %d, "broken": 0}', answered,
      math.max(1, os.difftime(os.time(), began)), refused))
    os.exit(0)
  end
end

function init(arguments)
  first, count = tonumber(arguments[1]), tonumber(arguments[2])
  keyed = arguments[4] == "keyed"
  wrk.headers["Content-Type"] = "application/json"
  if keyed then wrk.headers["Idempotency-Key"] = '"' .. hole .. '"' end
  for key in io.lines(arguments[3]) do forms[#forms + 1] = form(key) end
  once = keyed or arguments[4] == "once"
  -- Only here, because wrk is slower with it.
  if once then response, began = count_answer, os.time() end
end

function request()
  local number = first + made % count
  made = made + 1
  local form = forms[#forms == 1 and 1 or math.random(#forms)]
  -- wrk writes headers before the body.
  if keyed then return form[1] .. id(number) .. form[2] .. id(number % FEW) .. form[3] end
  return form[1] .. id(number) .. form[2]
end

function done(summary)
  local errors = summary.errors
  print(string.format('{"requests": %d, "seconds": %f, "refused": %d, "broken": %d}', summary.requests,
    summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
