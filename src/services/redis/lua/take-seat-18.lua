--[[
Gives the caller a free seat. Where seats are given by hosts, only a host takes one, or whoever is invited to that very
seat, whose lock the invitation passes.

ARGV  3-6 the caller (includes/roles.lua), 7 seat index, or '' for the first free one
Returns { 'OK', seat }, or { refusal of the caller, of the seat, 'ALREADY_SEATED', 'SEAT_NEEDS_APPROVAL' or
'NO_FREE_SEAT' }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
local userId, seat = ARGV[3], ARGV[7]
local refusal = refusalOfCaller()
if refusal then return { refusal } end
local current = seatOf(userId)
if current then
  -- The same wish again, as after a lost answer, is granted.
  if current == seat or seat == '' then return { 'OK', tonumber(current) } end
  return { 'ALREADY_SEATED' }
end
local isInvited = seat ~= '' and invitationOf(userId, now()) == seat
if not isInvited and roleOf(userId) == 'member' and redis.call('HGET', stateKey, 'seatMode') == 'apply' then
  return { 'SEAT_NEEDS_APPROVAL' }
end
if seat == '' then seat = firstFreeSeat() end
if not seat then return { 'NO_FREE_SEAT' } end
refusal = refusalOfSeat(seat, isInvited)
if refusal then return { refusal } end
giveSeat(userId, seat, 'seated', isInvited and 'accepted' or 'seated')
return { 'OK', tonumber(seat) }
