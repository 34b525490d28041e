--[[
Makes a user a member, opening the room when it is not open, or continues a session after a lost socket.
A user who is a member already by another session takes that membership over, seat included: the newest wins. A session
that was replaced so cannot be continued, or two tabs would replace each other for ever. One that its own client has
continued elsewhere can, since that client may have missed the answer.
The newest is the one that arrived last: a join that was kept waiting, over a connection that may be dead by now, never
wins over one that came after it. A second join over the same connection continues the first.

KEYS  19 role change of the user (includes/roles.lua)
ARGV  3 user id, 4 profile as JSON fields without braces, 5 new session id, 6 connection id, 7 node id,
      8 session id to continue or '', 9 most members, 10 title, 11 owner id, 12 seat count, 13 seat mode,
      14 role, or '' when it is not known now, 15 page size of the snapshot,
      16 members above which the room is quiet, 17 number of the call's arrival
Returns { 'OK', session id, resumed 0|1, opened 0|1, snapshot } or { 'ROOM_FULL' | 'SESSION_REPLACED' }, or what
includes/bans.lua refuses with
]]
-- @include room
-- @include producers
-- @include roles
-- @include members
-- @include snapshot
-- @include bans
local userId, profile, newSessionId, connectionId, nodeId = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local continued, mostMembers, role, pageSize = ARGV[8], tonumber(ARGV[9]), ARGV[14], tonumber(ARGV[15])
local arrival = ARGV[17]
local time = now()
role = redis.call('GET', KEYS[19]) or role

local ban = refusalOfBanned(userId, time)
if ban then return ban end
local sessionId, oldConnectionId, oldNodeId, wentOnFrom, lastArrival = sessionOf(userId)
if sessionId and oldConnectionId == connectionId then
  continued = sessionId
elseif sessionId and tonumber(arrival) < tonumber(lastArrival) then
  return { 'SESSION_REPLACED' }
end
if sessionId and continued ~= '' and continued ~= sessionId and continued ~= wentOnFrom then
  return { 'SESSION_REPLACED' }
end
if not sessionId and redis.call('ZCARD', rosterKey) >= mostMembers then return { 'ROOM_FULL' } end

local opened = 0
if redis.call('EXISTS', stateKey) == 0 then
  opened = 1
  redis.call('HSET', stateKey, 'openedAt', time, 'title', ARGV[10], 'ownerId', ARGV[11], 'seatCount', ARGV[12],
    'seatMode', ARGV[13])
  -- The log of a room that was closed a moment ago goes on.
  redis.call('PERSIST', eventsKey)
end
redis.call('HDEL', stateKey, 'emptySince')
redis.call('HSET', stateKey, 'quietAbove', ARGV[16])

local resumed = 0
if sessionId and sessionId == continued and oldNodeId == nodeId then
  resumed = 1
else
  if sessionId then
    -- Another tab or device, or a session whose media was on another node: what it produced is gone with it.
    appendEvent('room', userId, '{"type":"sessionReplaced","sessionId":"' .. sessionId .. '"}')
    closeProducersWhere(function(owner) return owner == userId end, 'replaced')
  end
  if not sessionId then
    if role == '' then role = 'member' end
    redis.call('ZADD', rosterKey, time, userId)
    redis.call('HSET', profilesKey, userId, profile)
    if role ~= 'member' or not isQuiet() then redis.call('HSET', rolesKey, userId, role) end
    announceJoin(userId, audienceOf(userId))
  end
  sessionId = newSessionId
  wentOnFrom = continued == '' and '-' or continued
end
if role ~= '' then setRole(userId, role) end
redis.call('HSET', sessionsKey, userId, sessionId .. ' ' .. connectionId .. ' ' .. nodeId .. ' ' .. wentOnFrom
  .. ' ' .. arrival)
if redis.call('ZREM', awayKey, userId) == 1 then
  appendEvent('room', audienceOf(userId), '{"type":"userConnectionChanged","userId":' .. userId .. ',"connected":true}')
end
return { 'OK', sessionId, resumed, opened, snapshot(pageSize) }
