--[[
Records a producer and announces it, if its owner (still) has a seat. One of the same source is replaced.

ARGV  3 user id, 4 session id, 5 producer id, 6 source, 7 paused 0|1, 8 node id
Returns { 'OK' } or { 'NOT_IN_ROOM' | 'NOT_SEATED' }
]]
-- @include room
-- @include producers
local userId, producerId, source, paused = ARGV[3], ARGV[5], ARGV[6], ARGV[7]
if sessionOf(userId) ~= ARGV[4] then return { 'NOT_IN_ROOM' } end
if not seatOf(userId) then return { 'NOT_SEATED' } end
closeProducersWhere(function(owner, other) return owner == userId and other == source end, 'replaced')
redis.call('HSET', producersKey, producerId, userId .. ' ' .. source .. ' ' .. paused .. ' ' .. ARGV[8])
appendEvent('media', '-', '{"type":"producerOpened","producer":{"producerId":"' .. producerId .. '","userId":' .. userId
  .. ',"source":"' .. source .. '","paused":' .. (paused == '1' and 'true' or 'false') .. '},"mutedByHost":'
  .. tostring(redis.call('SISMEMBER', mutedSpeakersKey, userId) == 1) .. '}')
return { 'OK' }
