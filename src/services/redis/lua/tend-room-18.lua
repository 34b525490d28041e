--[[
Does what is due in a room: members whose grace period is over leave; a room that has been empty for its idle time
closes and its keys go. Of several nodes that run this, each thing is done by one.

ARGV  3 idle time in ms
Returns { 'OK', members left, members removed, closed 0|1, ms until something is due again or -1 }
]]
-- @include room
-- @include producers
-- @include remove-member
local idle, time = tonumber(ARGV[3]), now()
if redis.call('EXISTS', stateKey) == 0 then return { 'OK', 0, 0, 0, -1 } end

local due = redis.call('ZRANGE', awayKey, '-inf', time, 'BYSCORE')
for _, userId in ipairs(due) do removeMember(userId, 'disconnected', time) end

local members = redis.call('ZCARD', rosterKey)
local emptySince = redis.call('HGET', stateKey, 'emptySince')
-- Opened, but its first member never came to be: counts as empty since it was opened.
if members == 0 and not emptySince then emptySince = redis.call('HGET', stateKey, 'openedAt') end
if members == 0 and emptySince + idle <= time then
  appendEvent('room', '-', '{"type":"roomClosed","reason":"idle","message":null}')
  -- All but the bans, which outlive the room.
  redis.call('DEL', unpack(KEYS, 1, #KEYS - 1))
  return { 'OK', 0, #due, 1, -1 }
end
local nextDue = -1
if members == 0 then nextDue = emptySince + idle - time end
local nextAway = redis.call('ZRANGE', awayKey, 0, 0, 'WITHSCORES')
if nextAway[2] then nextDue = nextAway[2] - time end
return { 'OK', members, #due, 0, math.max(nextDue, -1) }
