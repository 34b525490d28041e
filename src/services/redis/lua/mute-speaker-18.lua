--[[
Takes a member's voice or gives it back, on whatever seat and in whatever session. Silent when it is so already.

ARGV  3-6 the caller (includes/roles.lua), 7 user id, 8 muted 0|1
Returns { 'OK' }, or { refusal of the caller or 'MEMBER_NOT_FOUND' }
]]
-- @include room
-- @include roles
local userId, muted = ARGV[7], ARGV[8] == '1'
local refusal = refusalOfCaller(userId)
if refusal then return { refusal } end
-- Whoever has left can be given the voice back, but not be deprived of it.
if muted and not sessionOf(userId) then return { 'MEMBER_NOT_FOUND' } end
if redis.call(muted and 'SADD' or 'SREM', mutedSpeakersKey, userId) == 1 then
  appendEvent('room', '-', '{"type":"speakerMuteChanged","userId":' .. userId .. ',"muted":' .. tostring(muted)
    .. ',"by":' .. ARGV[3] .. '}')
end
return { 'OK' }
