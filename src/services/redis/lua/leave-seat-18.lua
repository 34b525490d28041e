--[[
Frees the seat of a member and closes what was produced from it.

ARGV  3 user id, 4 session id
Returns { 'OK' } or { 'NOT_IN_ROOM' | 'NOT_SEATED' }
]]
-- @include room
-- @include producers
-- @include remove-member
if sessionOf(ARGV[3]) ~= ARGV[4] then return { 'NOT_IN_ROOM' } end
local seat = seatOf(ARGV[3])
if not seat then return { 'NOT_SEATED' } end
vacateSeat(ARGV[3], seat, 'left')
return { 'OK' }
