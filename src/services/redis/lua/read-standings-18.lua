--[[
Reads where users stand at one moment, for a node that may have missed what became of them.

ARGV  3... user ids
Returns { 'OK', open 0|1, position of the log that this is the state at, standings }: for each user, flat, session id or
'', then 0|1 each: banned, on a seat, muted by a host
]]
-- @include room
-- @include bans
local time = now()
local seated = {}
for _, userId in ipairs(redis.call('HVALS', seatsKey)) do seated[userId] = true end
local standings = {}
for i = 3, #ARGV do
  local userId, n = ARGV[i], #standings
  standings[n + 1] = sessionOf(userId) or ''
  standings[n + 2] = isBanned(userId, time) and 1 or 0
  standings[n + 3] = seated[userId] and 1 or 0
  standings[n + 4] = redis.call('SISMEMBER', mutedSpeakersKey, userId)
end
local last = redis.call('XREVRANGE', eventsKey, '+', '-', 'COUNT', 1)[1]
-- A log that was deleted begins again after everything that it had.
local position = last and last[1] or string.format('%.0f-0', time - 1)
return { 'OK', redis.call('EXISTS', stateKey), position, standings }
