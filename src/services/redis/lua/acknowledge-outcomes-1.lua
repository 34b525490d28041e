--[[
Notes up to where a sender has seen the outcomes of gifts. Never goes back.

KEYS  1 acknowledged position
ARGV  1 position, 2 lifetime in seconds
Returns 1
]]
local function parts(id) return tonumber(string.match(id, '^%d+')), tonumber(string.match(id, '%d+$')) end
local known = redis.call('GET', KEYS[1])
if known then
  local time, sequence = parts(ARGV[1])
  local knownTime, knownSequence = parts(known)
  if knownTime > time or (knownTime == time and knownSequence >= sequence) then return 1 end
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
