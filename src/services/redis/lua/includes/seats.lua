-- Where a user is invited to: a seat index, or '-' for the first free one; nil when there is no invitation (any more).
-- Then when it ends, in ms.
local function invitationOf(userId, time)
  local stored = redis.call('HGET', invitationsKey, userId)
  if not stored then return nil end
  local seat, expiresAt = string.match(stored, '^(%S+) %S+ (%S+)$')
  if tonumber(expiresAt) <= time then return nil end
  return seat, tonumber(expiresAt)
end

-- Takes a hand down, if it is up.
local function endRequest(userId, reason)
  if redis.call('ZREM', requestsKey, userId) == 0 then return end
  appendEvent('room', '-', '{"type":"seatRequestEnded","userId":' .. userId .. ',"reason":"' .. reason .. '"}')
end

-- Ends an invitation, if there is one.
local function endInvitation(userId, reason)
  if redis.call('HDEL', invitationsKey, userId) == 0 then return end
  appendEvent('room', '-', '{"type":"seatInvitationEnded","userId":' .. userId .. ',"reason":"' .. reason .. '"}')
end

-- Vacates the seat of a user, closing what was produced from it.
local function vacateSeat(userId, seat, reason)
  closeProducersWhere(function(owner) return owner == userId end, 'seatLeft')
  redis.call('HDEL', seatsKey, seat)
  appendEvent('room', '-', '{"type":"seatLeft","seat":' .. seat .. ',"userId":' .. userId .. ',"reason":"' .. reason .. '"}')
end

local function seatCount()
  return tonumber(redis.call('HGET', stateKey, 'seatCount'))
end

-- The first seat that is neither taken nor locked, as a string, or nil.
local function firstFreeSeat()
  for index = 0, seatCount() - 1 do
    if redis.call('HEXISTS', seatsKey, index) == 0 and redis.call('SISMEMBER', lockedSeatsKey, index) == 0 then
      return tostring(index)
    end
  end
  return nil
end

-- Why a seat cannot be had, or nil. `passesLock`: for whoever a host wants on this very seat.
local function refusalOfSeat(seat, passesLock)
  if tonumber(seat) >= seatCount() then return 'SEAT_NOT_FOUND' end
  if redis.call('HEXISTS', seatsKey, seat) == 1 then return 'SEAT_TAKEN' end
  if not passesLock and redis.call('SISMEMBER', lockedSeatsKey, seat) == 1 then return 'SEAT_LOCKED' end
  return nil
end

-- Puts a user on a seat that can be had, which ends what the user was waiting for.
local function giveSeat(userId, seat, requestEnd, invitationEnd)
  introduce(userId)
  redis.call('HSET', seatsKey, seat, userId)
  local muted = redis.call('SISMEMBER', mutedSpeakersKey, userId) == 1
  appendEvent('room', '-', '{"type":"seatTaken","seat":' .. seat .. ',"userId":' .. userId .. ',"mutedByHost":'
    .. tostring(muted) .. '}')
  endRequest(userId, requestEnd)
  endInvitation(userId, invitationEnd)
end
