-- Calls a kernel in LuaJIT: FILE N CALLS. Prints `RESULT NANOSECONDS` for each call.
local ffi = require("ffi")
ffi.cdef [[
typedef struct { long seconds, nanoseconds; } moment;
int clock_gettime(int clock, moment *now);
]]
local MONOTONIC = 1
local moment = ffi.new("moment")

local function now()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) * 1e9 + tonumber(moment.nanoseconds)
end

local file, n, calls = arg[1], tonumber(arg[2]), tonumber(arg[3])
local run = dofile(file)
for _ = 1, calls do
  local start = now()
  local result = run(n)
  local time = now() - start
  print(string.format("%.0f %.0f", result, time))
end
