--[[
Lifts a ban. Silent when there is none.

ARGV  3-6 the caller (includes/roles.lua), 7 user id
Returns { 'OK' }, or { refusal of the caller or 'NOT_ALLOWED' for whom somebody has banned whom the caller does not reach }
]]
-- @include room
-- @include roles
-- @include bans
local refusal = refusalOfCaller()
if refusal then return { refusal } end
local time = now()
if isBannedFromAbove(ARGV[7], time) then return { 'NOT_ALLOWED' } end
redis.call('HDEL', bansKey, ARGV[7])
tidyBans(time)
return { 'OK' }
