--[[
Reads the whole room at one moment.

ARGV  3 page size of the members
Returns { 'OK', snapshot } or { 'ROOM_NOT_FOUND' } when the room is not open
]]
-- @include room
-- @include members
-- @include snapshot
if redis.call('EXISTS', stateKey) == 0 then return { 'ROOM_NOT_FOUND' } end
return { 'OK', snapshot(tonumber(ARGV[3])) }
