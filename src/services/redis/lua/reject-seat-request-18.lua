--[[
Takes somebody's hand down. Silent when it is down already, unless its owner has been given a seat meanwhile.

ARGV  3-6 the caller (includes/roles.lua), 7 user id
Returns { 'OK' }, or { refusal of the caller, 'MEMBER_NOT_FOUND' or 'REQUEST_NOT_FOUND' }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
local userId = ARGV[7]
local refusal = refusalOfCaller(userId)
if refusal then return { refusal } end
if not sessionOf(userId) then return { 'MEMBER_NOT_FOUND' } end
if seatOf(userId) then return { 'REQUEST_NOT_FOUND' } end
endRequest(userId, 'rejected')
return { 'OK' }
