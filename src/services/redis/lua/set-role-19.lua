--[[
Changes the role of a user. Silent when it is so already, and for whoever is not in the room: a role comes with the join.

KEYS  19 role change of the user (includes/roles.lua)
ARGV  3 user id, 4 role, 5 for how long joins heed it, ms
Returns { 'OK' }
]]
-- @include room
-- @include roles
changeRole(KEYS[19], ARGV[3], ARGV[4], ARGV[5])
return { 'OK' }
