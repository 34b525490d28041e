--[[
Frees the seat of the caller and closes what was produced from it. Silent when there is none.

ARGV  3-6 the caller (includes/roles.lua)
Returns { 'OK' } or { refusal of the caller }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
local refusal = refusalOfCaller()
if refusal then return { refusal } end
local seat = seatOf(ARGV[3])
if seat then vacateSeat(ARGV[3], seat, 'left') end
return { 'OK' }
