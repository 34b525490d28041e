--[[
Gives whoever has raised a hand a seat; a lock does not keep a host from naming that seat.

ARGV  3-6 the caller (includes/roles.lua), 7 user id, 8 seat index, or '' for the first free one
Returns { 'OK', seat }, or { refusal of the caller, of the seat, 'MEMBER_NOT_FOUND', 'REQUEST_NOT_FOUND' or
'NO_FREE_SEAT' }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
local userId, seat = ARGV[7], ARGV[8]
local refusal = refusalOfCaller(userId)
if refusal then return { refusal } end
if not sessionOf(userId) then return { 'MEMBER_NOT_FOUND' } end
if not redis.call('ZSCORE', requestsKey, userId) then
  local current = seatOf(userId)
  -- The same again, as after a lost answer, is granted.
  if current and (seat == '' or seat == current) then return { 'OK', tonumber(current) } end
  return { 'REQUEST_NOT_FOUND' }
end
if seat == '' then seat = firstFreeSeat() end
if not seat then return { 'NO_FREE_SEAT' } end
refusal = refusalOfSeat(seat, true)
if refusal then return { refusal } end
giveSeat(userId, seat, 'approved', 'seated')
return { 'OK', tonumber(seat) }
