-- Removes a member and all it holds, and reports one leave. What a host has taken (voice, chat) stays taken.
local function removeMember(userId, reason, time)
  -- The host who removes somebody has that one in a list, whoever else was told.
  local audience = (reason == 'kicked' or reason == 'banned') and '-' or audienceOf(userId)
  local seat = seatOf(userId)
  if seat then vacateSeat(userId, seat, 'memberLeft') end
  endRequest(userId, 'memberLeft')
  endInvitation(userId, 'memberLeft')
  redis.call('HDEL', profilesKey, userId)
  redis.call('HDEL', sessionsKey, userId)
  redis.call('HDEL', rolesKey, userId)
  redis.call('ZREM', rosterKey, userId)
  redis.call('ZREM', awayKey, userId)
  appendEvent('room', audience, '{"type":"userLeft","userId":' .. userId .. ',"reason":"' .. reason .. '"}')
  if redis.call('ZCARD', rosterKey) == 0 then redis.call('HSET', stateKey, 'emptySince', time) end
end
