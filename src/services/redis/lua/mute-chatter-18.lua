--[[
Takes a member's right to chat, or gives it back. It stays taken when the member leaves and comes again. Silent when it
is so already.

ARGV  3 to 6 the caller (includes/roles.lua), 7 user id, 8 muted 0|1
Returns { 'OK' } or { 'NOT_IN_ROOM' | 'NOT_ALLOWED' | 'MEMBER_NOT_FOUND' }
]]
-- @include room
-- @include roles
local userId, muted = ARGV[7], ARGV[8] == '1'
local refusal = refusalOfCaller(userId)
if refusal then return { refusal } end
local isMuted = redis.call('SISMEMBER', mutedChattersKey, userId) == 1
if isMuted == muted then return { 'OK' } end
-- Whoever has left can be given the right back, but not be deprived of it.
if muted and not sessionOf(userId) then return { 'MEMBER_NOT_FOUND' } end
redis.call(muted and 'SADD' or 'SREM', mutedChattersKey, userId)
appendEvent('room', '-', '{"type":"chatMuteChanged","userId":' .. userId .. ',"muted":' .. tostring(muted) .. ',"by":'
  .. ARGV[3] .. '}')
return { 'OK' }
