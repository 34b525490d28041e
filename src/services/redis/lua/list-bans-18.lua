--[[
Answers the bans that hold.

ARGV  3-6 the caller (includes/roles.lua)
Returns { 'OK', flat list of user id, who banned or '-', since when, until when (0: for good), reason or '' } or { refusal
of the caller }
]]
-- @include room
-- @include roles
-- @include bans
local refusal = refusalOfCaller()
if refusal then return { refusal } end
tidyBans(now())
local bans, listed = redis.call('HGETALL', bansKey), {}
for i = 1, #bans, 2 do
  local n = #listed
  local bannedBy, bannedAt, untilTime, reason = parseBan(bans[i + 1])
  listed[n + 1], listed[n + 2], listed[n + 3], listed[n + 4], listed[n + 5] = bans[i], bannedBy, bannedAt, untilTime, reason
end
return { 'OK', listed }
