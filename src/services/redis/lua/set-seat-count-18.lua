--[[
Changes the number of seats. Whoever is on a removed one becomes a listener, which takes the caller to outrank them;
locks of removed seats and invitations to them end.

ARGV  3-6 the caller (includes/roles.lua), 7 number of seats
Returns { 'OK' } or { refusal of the caller }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
local count = tonumber(ARGV[7])
local refusal = refusalOfCaller()
if refusal then return { refusal } end
local before = seatCount()
if before == count then return { 'OK' } end

local seats = redis.call('HGETALL', seatsKey)
for i = 1, #seats, 2 do
  local userId = seats[i + 1]
  if tonumber(seats[i]) >= count and userId ~= ARGV[3] and ranks[roleOf(ARGV[3])] <= ranks[roleOf(userId)] then
    return { 'NOT_ALLOWED' }
  end
end
for i = 1, #seats, 2 do
  if tonumber(seats[i]) >= count then vacateSeat(seats[i + 1], seats[i], 'seatCountReduced') end
end
for index = count, before - 1 do redis.call('SREM', lockedSeatsKey, index) end
local invitations = redis.call('HGETALL', invitationsKey)
for i = 1, #invitations, 2 do
  local seat = tonumber(string.match(invitations[i + 1], '^%d+'))
  if seat and seat >= count then endInvitation(invitations[i], 'canceled') end
end
redis.call('HSET', stateKey, 'seatCount', count)
appendEvent('room', '-', '{"type":"seatCountChanged","seatCount":' .. ARGV[7] .. '}')
return { 'OK' }
