--[[
Says something in a room as the server.

ARGV  3 message as JSON fields without braces, id and time, 4 length of the history, 5 what replies quote of it
Returns { 'OK', message as JSON } or { 'ROOM_NOT_FOUND' } when the room is not open
]]
-- @include room
-- @include chat
if redis.call('EXISTS', stateKey) == 0 then return { 'ROOM_NOT_FOUND' } end
local _, message = say(ARGV[3], '-:', ARGV[5], '-', ARGV[4])
return { 'OK', message }
