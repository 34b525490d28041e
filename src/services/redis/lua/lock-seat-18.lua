--[[
Locks or unlocks a seat. Whoever is on it stays. Silent when it is so already.

ARGV  3-6 the caller (includes/roles.lua), 7 seat index, 8 locked 0|1
Returns { 'OK' }, or { refusal of the caller or 'SEAT_NOT_FOUND' }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
local seat, locked = ARGV[7], ARGV[8] == '1'
local refusal = refusalOfCaller()
if refusal then return { refusal } end
if tonumber(seat) >= seatCount() then return { 'SEAT_NOT_FOUND' } end
if redis.call(locked and 'SADD' or 'SREM', lockedSeatsKey, seat) == 1 then
  appendEvent('room', '-', '{"type":"seatLockChanged","seat":' .. seat .. ',"locked":' .. tostring(locked) .. '}')
end
return { 'OK' }
