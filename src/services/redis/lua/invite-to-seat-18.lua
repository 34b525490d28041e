--[[
Invites a listener to a seat for a while. The same invitation again changes nothing; one to another seat takes its place.

ARGV  3-6 the caller (includes/roles.lua), 7 user id, 8 seat index, or '' for the first free one, 9 for how long in ms
Returns { 'OK', when it ends in ms }, or { refusal of the caller, of the seat, 'MEMBER_NOT_FOUND', 'ALREADY_SEATED' or
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
if seatOf(userId) then return { 'ALREADY_SEATED' } end
if seat == '' then
  if not firstFreeSeat() then return { 'NO_FREE_SEAT' } end
  seat = '-'
else
  refusal = refusalOfSeat(seat, true)
  if refusal then return { refusal } end
end
local time = now()
local known, knownEnd = invitationOf(userId, time)
if known == seat then return { 'OK', knownEnd } end
-- One that is over, and that nobody has seen to yet.
if not known then endInvitation(userId, 'expired') end
local expiresAt = string.format('%.0f', time + ARGV[9])
introduce(userId)
redis.call('HSET', invitationsKey, userId, seat .. ' ' .. ARGV[3] .. ' ' .. expiresAt)
appendEvent('room', '-', '{"type":"seatInvited","invitation":{"userId":' .. userId .. ',"seat":'
  .. (seat == '-' and 'null' or seat) .. ',"invitedBy":' .. ARGV[3] .. ',"expiresAt":' .. expiresAt .. '}}')
return { 'OK', tonumber(expiresAt) }
