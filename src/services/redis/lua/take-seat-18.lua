--[[
Gives a member a free seat.

ARGV  3 user id, 4 session id, 5 seat index, or '' for the first free one
Returns { 'OK', seat } or { 'NOT_IN_ROOM' | 'ALREADY_SEATED' | 'SEAT_NOT_FOUND' | 'SEAT_TAKEN' | 'NO_FREE_SEAT' }
]]
-- @include room
local userId, seat = ARGV[3], ARGV[5]
if sessionOf(userId) ~= ARGV[4] then return { 'NOT_IN_ROOM' } end
local seatCount = tonumber(redis.call('HGET', stateKey, 'seatCount'))
local current = seatOf(userId)
if current then
  -- The same wish again, as after a lost answer, is granted.
  if current == seat or seat == '' then return { 'OK', tonumber(current) } end
  return { 'ALREADY_SEATED' }
end
if seat == '' then
  for index = 0, seatCount - 1 do
    if redis.call('HEXISTS', seatsKey, index) == 0 then
      seat = tostring(index)
      break
    end
  end
  if seat == '' then return { 'NO_FREE_SEAT' } end
end
if tonumber(seat) >= seatCount then return { 'SEAT_NOT_FOUND' } end
if redis.call('HSETNX', seatsKey, seat, userId) == 0 then return { 'SEAT_TAKEN' } end
appendEvent('room', '-', '{"type":"seatTaken","seat":' .. seat .. ',"userId":' .. userId .. ',"mutedByHost":false}')
return { 'OK', tonumber(seat) }
