--[[
Sets the least time between two messages of one member. Silent when it is so already.

ARGV  3 to 6 the caller (includes/roles.lua), 7 seconds, 0 for no slow mode
Returns { 'OK' } or { 'NOT_IN_ROOM' | 'NOT_ALLOWED' }
]]
-- @include room
-- @include roles
local refusal = refusalOfCaller(nil)
if refusal then return { refusal } end
local seconds = ARGV[7]
if (redis.call('HGET', stateKey, 'slowModeSeconds') or '0') == seconds then return { 'OK' } end
redis.call('HSET', stateKey, 'slowModeSeconds', seconds)
if seconds == '0' then redis.call('DEL', chatTimesKey) end
appendEvent('room', '-', '{"type":"slowModeChanged","seconds":' .. seconds .. '}')
return { 'OK' }
