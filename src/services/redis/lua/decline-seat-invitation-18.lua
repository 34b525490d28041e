--[[
Ends the caller's invitation. Silent when there is none.

ARGV  3-6 the caller (includes/roles.lua)
Returns { 'OK' } or { refusal of the caller }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
local refusal = refusalOfCaller()
if refusal then return { refusal } end
endInvitation(ARGV[3], invitationOf(ARGV[3], now()) and 'declined' or 'expired')
return { 'OK' }
