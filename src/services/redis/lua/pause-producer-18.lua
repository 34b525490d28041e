--[[
Mutes or unmutes a producer of the caller, who cannot lift what a host has muted. Silent when it is so already.

ARGV  3 user id, 4 session id, 5 producer id, 6 paused 0|1
Returns { 'OK' } or { 'NOT_IN_ROOM' | 'PRODUCER_NOT_FOUND' | 'MUTED_BY_HOST' }
]]
-- @include room
-- @include producers
local userId, producerId, wanted = ARGV[3], ARGV[5], ARGV[6]
if sessionOf(userId) ~= ARGV[4] then return { 'NOT_IN_ROOM' } end
local owner, source, paused, nodeId = producerOf(producerId)
if owner ~= userId then return { 'PRODUCER_NOT_FOUND' } end
if wanted == '0' and redis.call('SISMEMBER', mutedSpeakersKey, userId) == 1 then return { 'MUTED_BY_HOST' } end
if paused ~= wanted then
  redis.call('HSET', producersKey, producerId, owner .. ' ' .. source .. ' ' .. wanted .. ' ' .. nodeId)
  appendEvent('media', '-', '{"type":"' .. (wanted == '1' and 'producerPaused' or 'producerResumed') .. '","producerId":"'
    .. producerId .. '","userId":' .. userId .. '}')
end
return { 'OK' }
