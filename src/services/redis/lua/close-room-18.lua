--[[
Closes a room with whoever is in it. Bans outlive it. The log stays for a while, so that a node that is cut off from
Redis right now learns of it too.

ARGV  3-6 the caller (includes/roles.lua), 7 what the members are told, JSON text or null, 8 how long the log stays, ms
Returns { 'OK' }, or { refusal of the caller or 'ROOM_NOT_FOUND' }
]]
-- @include room
-- @include roles
local refusal = refusalOfCaller()
if refusal then return { refusal } end
if redis.call('EXISTS', stateKey) == 0 then return { 'ROOM_NOT_FOUND' } end
appendEvent('room', '-', '{"type":"roomClosed","reason":"' .. (ARGV[3] == '-' and 'closedByOperator' or 'closedByHost')
  .. '","message":' .. ARGV[7] .. '}')
for _, key in ipairs(KEYS) do
  if key ~= bansKey and key ~= eventsKey then redis.call('DEL', key) end
end
redis.call('PEXPIRE', eventsKey, ARGV[8])
return { 'OK' }
