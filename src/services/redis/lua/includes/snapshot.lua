-- The room as { cursor, state, seats, producers, members, count, locked seats, muted speakers, requests, invitations }:
-- state, seats, producers, requests and invitations as flat field-value lists; members as in members.lua: everybody
-- seated, then the longest present.
local function snapshot(pageSize)
  local last = redis.call('XREVRANGE', eventsKey, '+', '-', 'COUNT', 1)
  local seats = redis.call('HGETALL', seatsKey)
  local members, listed = {}, {}
  local function list(userId, joinedAt)
    if listed[userId] or not joinedAt then return end
    listed[userId] = true
    appendMember(members, userId, joinedAt)
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
