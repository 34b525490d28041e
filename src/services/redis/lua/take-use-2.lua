--[[
Counts one use against what a user may do in a minute; what an operator has set for the user goes before the usual limit.

KEYS  1 counter, 2 limits set for the user
ARGV  1 name of the limit, 2 uses a minute that are usual
Returns ms to wait before the next use, 0 when this one is granted
]]
local limit = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or ARGV[2])
local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('PEXPIRE', KEYS[1], 60000) end
if used <= limit then return 0 end
return math.max(redis.call('PTTL', KEYS[1]), 1)
