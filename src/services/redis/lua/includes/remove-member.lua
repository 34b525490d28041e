-- Vacates the seat of a user, closing what was produced from it.
local function vacateSeat(userId, seat, reason)
  closeProducersWhere(function(owner) return owner == userId end, 'seatLeft')
  redis.call('HDEL', seatsKey, seat)
  appendEvent('room', '-', '{"type":"seatLeft","seat":' .. seat .. ',"userId":' .. userId .. ',"reason":"' .. reason .. '"}')
end

-- Removes a member and all it holds, and reports one leave.
local function removeMember(userId, reason, time)
  local seat = seatOf(userId)
  if seat then vacateSeat(userId, seat, 'memberLeft') end
  redis.call('HDEL', profilesKey, userId)
  redis.call('HDEL', sessionsKey, userId)
  redis.call('HDEL', rolesKey, userId)
  redis.call('ZREM', rosterKey, userId)
  redis.call('ZREM', awayKey, userId)
  appendEvent('room', '-', '{"type":"userLeft","userId":' .. userId .. ',"reason":"' .. reason .. '"}')
  if redis.call('ZCARD', rosterKey) == 0 then redis.call('HSET', stateKey, 'emptySince', time) end
end
