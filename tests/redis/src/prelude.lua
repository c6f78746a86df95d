-- What Redis puts around scripts: protected globals, `redis`, `cmsgpack`, and errors that are tables.
--
-- Given are functions of the server: one that carries a command out, one that packs, and one that unpacks. Returned are the
-- scripts' environment, and the function that runs a script.

local command, pack, unpack_all = ...
local setmetatable, type, tostring, error, rawget, xpcall = setmetatable, type, tostring, error, rawget, xpcall
local pcall_of_lua = pcall
local globals = getfenv()

-- Redis' `pcall` makes a text of an error that is a table.
local function text_of_error(is_done, first, ...)
  if not is_done and type(first) == 'table' and rawget(first, 'err') then first = rawget(first, 'err') end
  return is_done, first, ...
end

-- The level is that of the script that called the function which returns what this returns.
local function unless_refused(problem, level, ...)
  if problem then error(problem, level) end
  return ...
end

local redis, cmsgpack = {}, {}

function redis.call(...)
  local is_error, answer = command(...)
  if is_error then error(answer) end
  return answer
end

function redis.pcall(...)
  local _, answer = command(...)
  return answer
end

function cmsgpack.pack(...) return unless_refused(pack(...)) end
function cmsgpack.unpack(...) return unless_refused(unpack_all(...)) end

local function read_only() error('Attempt to modify a readonly table', 2) end
local function protected(it) return setmetatable({}, { __index = it, __newindex = read_only }) end

globals.pcall = function(...) return text_of_error(pcall_of_lua(...)) end
globals.redis, globals.cmsgpack = protected(redis), protected(cmsgpack)
for _, name in ipairs({ 'string', 'table', 'math' }) do globals[name] = protected(globals[name]) end
for _, name in ipairs({ 'print', 'dofile', 'loadfile', 'getfenv', 'setfenv', 'newproxy', 'module', 'require', 'package' }) do
  globals[name] = nil
end
local environment = protected(globals)
globals._G = environment
setmetatable(globals, {
  __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
})

local function as_table(problem)
  return type(problem) == 'table' and problem or { err = 'ERR ' .. tostring(problem) }
end

local function run(script, keys, arguments)
  globals.KEYS, globals.ARGV = keys, arguments
  return xpcall(script, as_table)
end

return environment, run
