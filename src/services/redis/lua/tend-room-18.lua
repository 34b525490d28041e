--[[
Does what is due in a room: members whose grace period is over leave, invitations end; a room that has been empty for its idle time
closes and its keys go. Of several nodes that run this, each thing is done by one.

ARGV  3 idle time in ms
Returns { 'OK', members left, members removed, closed 0|1, ms until something is due again or -1 }
]]
-- @include room
-- @include producers
-- @include seats
-- @include remove-member
local idle, time = tonumber(ARGV[3]), now()
if redis.call('EXISTS', stateKey) == 0 then return { 'OK', 0, 0, 0, -1 } end

local due = redis.call('ZRANGE', awayKey, '-inf', time, 'BYSCORE')
for _, userId in ipairs(due) do removeMember(userId, 'disconnected', time) end
local nextDue = math.huge
local invitations = redis.call('HKEYS', invitationsKey)
for _, userId in ipairs(invitations) do
  local _, expiresAt = invitationOf(userId, time)
  if expiresAt then nextDue = math.min(nextDue, expiresAt) else endInvitation(userId, 'expired') end
end

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
if members == 0 then nextDue = math.min(nextDue, emptySince + idle) end
local nextAway = redis.call('ZRANGE', awayKey, 0, 0, 'WITHSCORES')
if nextAway[2] then nextDue = math.min(nextDue, tonumber(nextAway[2])) end
return { 'OK', members, #due, 0, nextDue == math.huge and -1 or math.max(nextDue - time, 0) }
