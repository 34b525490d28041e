--[[
Changes the role of a member. Silent when it is so already, and for whoever is not in the room: a role comes with the
join.

ARGV  3 user id, 4 role
Returns { 'OK' }
]]
-- @include room
-- @include roles
if redis.call('HEXISTS', sessionsKey, ARGV[3]) == 1 then setRole(ARGV[3], ARGV[4]) end
return { 'OK' }
