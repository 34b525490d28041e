--[[
Reads the whole room at one moment.

ARGV  3 page size of the members, 4 user id of whoever asks, or '-' for the server itself and operators
Returns { 'OK', snapshot }, or { 'ROOM_NOT_FOUND' } when the room is not open, or what
includes/bans.lua refuses with
]]
-- @include room
-- @include members
-- @include snapshot
-- @include bans
if redis.call('EXISTS', stateKey) == 0 then return { 'ROOM_NOT_FOUND' } end
return refusalOfBanned(ARGV[4], now()) or { 'OK', snapshot(tonumber(ARGV[3])) }
