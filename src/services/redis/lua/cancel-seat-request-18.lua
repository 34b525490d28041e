--[[
Takes the caller's hand down. Silent when it is not up.

ARGV  3-6 the caller (includes/roles.lua)
Returns { 'OK' } or { refusal of the caller }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
local refusal = refusalOfCaller()
if refusal then return { refusal } end
endRequest(ARGV[3], 'canceled')
return { 'OK' }
