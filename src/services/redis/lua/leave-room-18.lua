--[[
Ends a membership at the member's own wish.

ARGV  3 user id, 4 session id
Returns { 'OK', members left } or { 'NOT_IN_ROOM' } when the session is over already
]]
-- @include room
-- @include producers
-- @include seats
-- @include remove-member
if sessionOf(ARGV[3]) ~= ARGV[4] then return { 'NOT_IN_ROOM' } end
removeMember(ARGV[3], 'left', now())
return { 'OK', redis.call('ZCARD', rosterKey) }
