#!lua flags=allow-oom
--[[
Tells a room of a gift, if it is still open; with no memory left too, so that what is queued can be settled.

ARGV  3 recipient of the event: user id or '-', 4 event as JSON
Returns { 'OK' } or { 'ROOM_NOT_FOUND' }
]]
-- @include room
if redis.call('EXISTS', stateKey) == 0 then return { 'ROOM_NOT_FOUND' } end
appendEvent('gift', ARGV[3], ARGV[4])
return { 'OK' }
