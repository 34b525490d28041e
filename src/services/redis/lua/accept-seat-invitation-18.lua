--[[
Takes the seat that the caller is invited to; the invitation passes the lock of the seat that it names.

ARGV  3-6 the caller (includes/roles.lua)
Returns { 'OK', seat }, or { refusal of the caller, of the seat, 'INVITATION_NOT_FOUND' or 'NO_FREE_SEAT' }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
local userId = ARGV[3]
local refusal = refusalOfCaller()
if refusal then return { refusal } end
local seat = invitationOf(userId, now())
if not seat then
  local current = seatOf(userId)
  -- The same again, as after a lost answer, is granted.
  if current then return { 'OK', tonumber(current) } end
  return { 'INVITATION_NOT_FOUND' }
end
if seat == '-' then seat = firstFreeSeat() end
if not seat then return { 'NO_FREE_SEAT' } end
refusal = refusalOfSeat(seat, true)
if refusal then return { refusal } end
giveSeat(userId, seat, 'seated', 'accepted')
return { 'OK', tonumber(seat) }
