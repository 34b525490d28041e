--[[
Moves the caller to another seat, with all it produces.

ARGV  3-6 the caller (includes/roles.lua), 7 seat index
Returns { 'OK' }, or { refusal of the caller, of the seat, or 'NOT_SEATED' }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
local userId, to = ARGV[3], ARGV[7]
local refusal = refusalOfCaller()
if refusal then return { refusal } end
local from = seatOf(userId)
if not from then return { 'NOT_SEATED' } end
if from == to then return { 'OK' } end
refusal = refusalOfSeat(to, false)
if refusal then return { refusal } end
redis.call('HDEL', seatsKey, from)
redis.call('HSET', seatsKey, to, userId)
appendEvent('room', '-', '{"type":"seatMoved","userId":' .. userId .. ',"from":' .. from .. ',"to":' .. to .. '}')
return { 'OK' }
