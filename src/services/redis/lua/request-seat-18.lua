--[[
Raises the caller's hand. Silent when it is up.

ARGV  3-6 the caller (includes/roles.lua)
Returns { 'OK' }, or { refusal of the caller or 'ALREADY_SEATED' }
]]
-- @include room
-- @include roles
local userId = ARGV[3]
local refusal = refusalOfCaller()
if refusal then return { refusal } end
if seatOf(userId) then return { 'ALREADY_SEATED' } end
local time = string.format('%.0f', now())
introduce(userId)
if redis.call('ZADD', requestsKey, 'NX', time, userId) == 1 then
  appendEvent('room', '-', '{"type":"seatRequested","request":{"userId":' .. userId .. ',"requestedAt":' .. time .. '}}')
end
return { 'OK' }
