--[[
Keeps a user out of the room from now on, member or not. Again, it changes until when and why.

ARGV  3-6 the caller (includes/roles.lua), 7 user id, 8 the user's role by Laravel, or '' when it is not known now, for a
      user who is not in the room, or '-' when Laravel has no such room, 9 for how long in ms, 0 for good, 10 reason or ''
Returns { 'OK', 1 when a member was removed, members left }, or { refusal of the caller, 'NOT_ALLOWED' for whom somebody has
banned whom the caller does not reach, 'UPSTREAM_UNAVAILABLE' or 'ROOM_NOT_FOUND' }
]]
-- @include room
-- @include roles
-- @include producers
-- @include seats
-- @include remove-member
-- @include bans
local userId, role, durationMs, time = ARGV[7], ARGV[8], tonumber(ARGV[9]), now()
if role == '-' then
  -- It may be open all the same, if it was taken off Laravel's list a moment ago.
  if redis.call('EXISTS', stateKey) == 0 then return { 'ROOM_NOT_FOUND' } end
  role = ''
end
local isMember = sessionOf(userId)
local refusal = refusalOfCaller(userId, not isMember and role ~= '' and role or nil)
if refusal then return { refusal } end
if isBannedFromAbove(userId, time) then return { 'NOT_ALLOWED' } end
if not isMember and role == '' and ARGV[3] ~= '-' then return { 'UPSTREAM_UNAVAILABLE' } end
local untilTime = durationMs == 0 and '0' or string.format('%.0f', time + durationMs)
redis.call('HSET', bansKey, userId, ARGV[3] .. ' ' .. string.format('%.0f', time) .. ' ' .. untilTime .. ' ' .. ARGV[10])
tidyBans(time)
if isMember then removeMember(userId, 'banned', time) end
return { 'OK', isMember and 1 or 0, redis.call('ZCARD', rosterKey) }
