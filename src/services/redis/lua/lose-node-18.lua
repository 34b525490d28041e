--[[
Notes that a node is dead: its members are away for the grace period, its producers are gone.
Safe to run twice.

ARGV  3 node id, 4 grace period in ms
Returns { 'OK' }
]]
-- @include room
-- @include producers
local dead, deadline = ARGV[3], now() + ARGV[4]
closeProducersWhere(function(_, _, nodeId) return nodeId == dead end, 'failed')
local sessions = redis.call('HGETALL', sessionsKey)
for i = 1, #sessions, 2 do
  local nodeId = string.match(sessions[i + 1], '^%S+ %S+ (%S+)')
  if nodeId == dead and redis.call('ZADD', awayKey, 'NX', deadline, sessions[i]) == 1 then
    appendEvent('room', audienceOf(sessions[i]), '{"type":"userConnectionChanged","userId":' .. sessions[i] .. ',"connected":false}')
  end
end
return { 'OK' }
