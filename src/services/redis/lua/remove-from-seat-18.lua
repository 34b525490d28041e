--[[
Makes a speaker a listener and closes what it produced. Silent when it has no seat.

ARGV  3-6 the caller (includes/roles.lua), 7 user id
Returns { 'OK' }, or { refusal of the caller or 'MEMBER_NOT_FOUND' }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
local userId = ARGV[7]
local refusal = refusalOfCaller(userId)
if refusal then return { refusal } end
if not sessionOf(userId) then return { 'MEMBER_NOT_FOUND' } end
local seat = seatOf(userId)
if seat then vacateSeat(userId, seat, 'removed') end
return { 'OK' }
