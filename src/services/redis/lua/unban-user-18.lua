--[[
Lifts a ban. Silent when there is none.

ARGV  3-6 the caller (includes/roles.lua), 7 user id
Returns { 'OK' } or { refusal of the caller }
]]
-- @include room
-- @include roles
-- @include bans
local refusal = refusalOfCaller()
if refusal then return { refusal } end
redis.call('HDEL', bansKey, ARGV[7])
tidyBans(now())
return { 'OK' }
