--[[
Says something in a room: into the history, the log and to everybody. A message whose client-made id was said within
the last two minutes is answered with what was stored then, whatever forbids a new one.

ARGV  3 user id, 4 session id, 5 message as JSON fields without braces, id, time and quote, 6 client-made id or '',
      7 length of the history, 8 id of the message that this one answers or '', 9 what replies quote of this one
Returns { 'OK', message as JSON } or { 'NOT_IN_ROOM' | 'CHAT_MUTED' | 'MESSAGE_NOT_FOUND' } or { 'SLOW_MODE', ms to wait }
]]
-- @include room
-- @include chat
local userId, clientMessageId, answered = ARGV[3], ARGV[6], ARGV[8]
local time = now()
if sessionOf(userId) ~= ARGV[4] then return { 'NOT_IN_ROOM' } end

local sent = userId .. ':' .. clientMessageId
if clientMessageId ~= '' then
  redis.call('ZREMRANGEBYSCORE', chatSentKey, '-inf', time - rememberedMs)
  local wasSaid, message = findSent(sent, time)
  -- Deleted meanwhile: a retry must not bring it back.
  if wasSaid then return message and { 'OK', message } or { 'MESSAGE_NOT_FOUND' } end
end

if redis.call('SISMEMBER', mutedChattersKey, userId) == 1 then return { 'CHAT_MUTED' } end

local slowMs = tonumber(redis.call('HGET', stateKey, 'slowModeSeconds') or 0) * 1000
local role = redis.call('HGET', rolesKey, userId) or 'member'
local slowed = slowMs > 0 and role == 'member'
if slowed then
  local waitMs = tonumber(redis.call('ZSCORE', chatTimesKey, userId) or -slowMs) + slowMs - time
  if waitMs > 0 then return { 'SLOW_MODE', waitMs } end
end

local quote = 'null'
if answered ~= '' then
  local original = findMessage(answered)
  if not original then return { 'MESSAGE_NOT_FOUND' } end
  quote = '{"id":"' .. answered .. '",' .. original.q .. '}'
end

local id, message = say(ARGV[5] .. ',"replyTo":' .. quote, sent, ARGV[9], role, ARGV[7])
if clientMessageId ~= '' then redis.call('ZADD', chatSentKey, string.match(id, '^%d+'), sent) end
if slowed then
  redis.call('ZREMRANGEBYSCORE', chatTimesKey, '-inf', time - slowMs)
  redis.call('ZADD', chatTimesKey, time, userId)
end
return { 'OK', message }
