--[[
Makes an open room what Laravel says it is now: title, owner, and without whoever is blocked. The owner of before becomes
what Laravel says instead. Only what is different from before is told.

KEYS  19 role change of the owner of before, 20 role change of the owner (includes/roles.lua)
ARGV  3 title, 4 title as JSON text, 5 owner id, 6 owner id of before, 7 role of that one now, 8 for how long joins heed
      changed roles, ms, 9 and on user ids of the blocked
Returns { 'OK', members removed, members left } or { 'ROOM_NOT_FOUND' } when the room is not open, or
{ 'SERVICE_UNAVAILABLE' } when the owner of before is another one by now: to be begun anew
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
-- @include remove-member
local title, titleText, ownerId, previousId, previousRole = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local heededMs, time = ARGV[8], now()
if redis.call('EXISTS', stateKey) == 0 then return { 'ROOM_NOT_FOUND' } end

local knownTitle, knownOwnerId = unpack(redis.call('HMGET', stateKey, 'title', 'ownerId'))
local isOwnerNew = knownOwnerId ~= ownerId
if isOwnerNew and knownOwnerId ~= previousId then return { 'SERVICE_UNAVAILABLE' } end
if isOwnerNew or knownTitle ~= title then
  redis.call('HSET', stateKey, 'title', title, 'ownerId', ownerId)
  appendEvent('room', '-', '{"type":"roomUpdated","title":' .. titleText .. ',"ownerId":' .. ownerId .. '}')
end
if isOwnerNew then
  changeRole(KEYS[19], previousId, previousRole, heededMs)
  changeRole(KEYS[20], ownerId, 'owner', heededMs)
end

local removed = 0
for i = 9, #ARGV do
  if ARGV[i] ~= ownerId and sessionOf(ARGV[i]) then
    removeMember(ARGV[i], 'banned', time)
    removed = removed + 1
  end
end
return { 'OK', removed, redis.call('ZCARD', rosterKey) }
