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

-- Logs an event and announces it. `recipient` is a user id, or '-' for everybody.
-- Events are written as JSON text, not through cjson, which would lose digits of large ids.
local function appendEvent(topic, recipient, json)
  local id = redis.call('XADD', eventsKey, 'MAXLEN', '~', logLength, '*', 't', topic, 'u', recipient, 'e', json)
  redis.call('PUBLISH', channel, id .. ' ' .. topic .. ' ' .. recipient .. ' ' .. json)
  return id
end

-- The parts of a stored session: session id, connection id, node id, the session that it went on from, or '-'; nil when
-- the user is no member.
local function sessionOf(userId)
  local stored = redis.call('HGET', sessionsKey, userId)
  if not stored then return nil end
  return string.match(stored, '^(%S+) (%S+) (%S+) (%S+)$')
end

-- The seat of a user, as a string, or nil. At most 30 seats.
local function seatOf(userId)
  local seats = redis.call('HGETALL', seatsKey)
  for i = 1, #seats, 2 do
    if seats[i + 1] == userId then return seats[i] end
  end
  return nil
end
