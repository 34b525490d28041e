-- The keys and first arguments of every room script.
local stateKey, profilesKey, sessionsKey, rosterKey, awayKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local seatsKey, producersKey, eventsKey, chatKey, chatSentKey = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local rolesKey, requestsKey, invitationsKey, lockedSeatsKey = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local mutedSpeakersKey, mutedChattersKey, chatTimesKey, bansKey = KEYS[15], KEYS[16], KEYS[17], KEYS[18]
local channel, logLength = ARGV[1], ARGV[2]

-- Redis's clock, ms: nodes' clocks may differ.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Logs an event and announces it. `recipient` is a user id, '-' for everybody, or '0' for the nodes alone.
-- Events are written as JSON text, not through cjson, which would lose digits of large ids.
local function appendEvent(topic, recipient, json)
  local id = redis.call('XADD', eventsKey, 'MAXLEN', '~', logLength, '*', 't', topic, 'u', recipient, 'e', json)
  redis.call('PUBLISH', channel, id .. ' ' .. topic .. ' ' .. recipient .. ' ' .. json)
  return id
end

-- The parts of a stored session: session id, connection id, node id, the session that it went on from, or '-', and the
-- number of the join that made or continued it last; nil when the user is no member.
local function sessionOf(userId)
  local stored = redis.call('HGET', sessionsKey, userId)
  if not stored then return nil end
  return string.match(stored, '^(%S+) (%S+) (%S+) (%S+) (%d+)$')
end

-- The seat of a user, as a string, or nil. At most 30 seats.
local function seatOf(userId)
  local seats = redis.call('HGETALL', seatsKey)
  for i = 1, #seats, 2 do
    if seats[i + 1] == userId then return seats[i] end
  end
  return nil
end

-- In a quiet room, a big one, the coming and going of listeners is told to the nodes alone, which have to free what they
-- hold. Clients see the count, and whoever was there before, speaks, asks to speak or is a host.
local function isQuiet()
  return redis.call('ZCARD', rosterKey) > tonumber(redis.call('HGET', stateKey, 'quietAbove') or math.huge)
end

-- Whether everybody has been told of a member: the role is kept of those.
local function isIntroduced(userId)
  return redis.call('HEXISTS', rolesKey, userId) == 1
end

-- Who is told of a member's going, and of a lost socket: whoever was told of the coming, or nobody would ever leave the
-- lists of clients.
local function audienceOf(userId)
  return isQuiet() and not isIntroduced(userId) and '0' or '-'
end

local function announceJoin(userId, recipient)
  appendEvent('room', recipient, '{"type":"userJoined","participant":{' .. redis.call('HGET', profilesKey, userId)
    .. ',"joinedAt":' .. string.format('%.0f', redis.call('ZSCORE', rosterKey, userId))
    .. ',"connected":' .. tostring(redis.call('ZSCORE', awayKey, userId) == false)
    .. ',"role":"' .. (redis.call('HGET', rolesKey, userId) or 'member')
    .. '","chatMuted":' .. tostring(redis.call('SISMEMBER', mutedChattersKey, userId) == 1) .. '}}')
end

-- Called before something that concerns everybody happens to a member: whom a big room was not told of is introduced.
local function introduce(userId)
  if isIntroduced(userId) then return end
  redis.call('HSET', rolesKey, userId, 'member')
  announceJoin(userId, '-')
end
