-- The room as { cursor, state, seats, producers, members, count, locked seats, muted speakers, requests, invitations }:
-- state, seats, producers, requests and invitations as flat field-value lists; members flat as user id, profile, joined
-- at, '1' when away, role, '1' when chat-muted: everybody seated, then the longest present.
local function snapshot(pageSize)
  local last = redis.call('XREVRANGE', eventsKey, '+', '-', 'COUNT', 1)
  local seats = redis.call('HGETALL', seatsKey)
  local members, listed = {}, {}
  local function list(userId, joinedAt)
    if listed[userId] or not joinedAt then return end
    listed[userId] = true
    local n = #members
    members[n + 1], members[n + 2], members[n + 3] = userId, redis.call('HGET', profilesKey, userId), joinedAt
    members[n + 4] = redis.call('ZSCORE', awayKey, userId) and '1' or '0'
    members[n + 5] = redis.call('HGET', rolesKey, userId) or 'member'
    members[n + 6] = tostring(redis.call('SISMEMBER', mutedChattersKey, userId))
  end
  for i = 2, #seats, 2 do list(seats[i], redis.call('ZSCORE', rosterKey, seats[i])) end
  local page = redis.call('ZRANGE', rosterKey, 0, pageSize - 1, 'WITHSCORES')
  for i = 1, #page, 2 do list(page[i], page[i + 1]) end
  return {
    last[1] and last[1][1] or '0-0', redis.call('HGETALL', stateKey), seats, redis.call('HGETALL', producersKey),
    members, redis.call('ZCARD', rosterKey), redis.call('SMEMBERS', lockedSeatsKey),
    redis.call('SMEMBERS', mutedSpeakersKey), redis.call('ZRANGE', requestsKey, 0, -1, 'WITHSCORES'),
    redis.call('HGETALL', invitationsKey),
  }
end
