--[[
Changes how seats are given. Silent when it is so already.

ARGV  3-6 the caller (includes/roles.lua), 7 free|apply
Returns { 'OK' } or { refusal of the caller }
]]
-- @include room
-- @include roles
local refusal = refusalOfCaller()
if refusal then return { refusal } end
if redis.call('HGET', stateKey, 'seatMode') ~= ARGV[7] then
  redis.call('HSET', stateKey, 'seatMode', ARGV[7])
  appendEvent('room', '-', '{"type":"seatModeChanged","seatMode":"' .. ARGV[7] .. '"}')
end
return { 'OK' }
