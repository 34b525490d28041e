--[[
Ends somebody's membership, who may join again.

ARGV  3-6 the caller (includes/roles.lua), 7 user id
Returns { 'OK', members left }, or { refusal of the caller or 'MEMBER_NOT_FOUND' }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
-- @include remove-member
local userId = ARGV[7]
local refusal = refusalOfCaller(userId)
if refusal then return { refusal } end
if not sessionOf(userId) then return { 'MEMBER_NOT_FOUND' } end
removeMember(userId, 'kicked', now())
return { 'OK', redis.call('ZCARD', rosterKey) }
