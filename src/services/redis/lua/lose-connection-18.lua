--[[
Notes that a member's socket is lost: the member is shown as away and kept for the grace period.
Does nothing when another connection has continued the session meanwhile.

ARGV  3 user id, 4 session id, 5 connection id, 6 grace period in ms
Returns { 'OK' } or { 'NOT_IN_ROOM' }
]]
-- @include room
local sessionId, connectionId = sessionOf(ARGV[3])
if sessionId ~= ARGV[4] or connectionId ~= ARGV[5] then return { 'NOT_IN_ROOM' } end
if redis.call('ZADD', awayKey, 'NX', now() + ARGV[6], ARGV[3]) == 1 then
  appendEvent('room', audienceOf(ARGV[3]), '{"type":"userConnectionChanged","userId":' .. ARGV[3] .. ',"connected":false}')
end
return { 'OK' }
