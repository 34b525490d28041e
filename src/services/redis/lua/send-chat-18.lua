--[[
Says something in a room: into the history, the log and to everybody. A message whose client-made id was said within
the last two minutes is answered with what was stored then.

ARGV  3 user id, 4 session id, 5 message as JSON fields without braces, id and time, 6 client-made id or '',
      7 length of the history
Returns { 'OK', message as JSON } or { 'NOT_IN_ROOM' }
]]
-- @include room
local userId, fields, clientMessageId = ARGV[3], ARGV[5], ARGV[6]
if sessionOf(userId) ~= ARGV[4] then return { 'NOT_IN_ROOM' } end

-- The history's ids are the clock: sent at is the id's ms, which also finds a message said before.
local function messageOf(id, content)
  return '{"id":"' .. id .. '","sentAt":' .. string.match(id, '^%d+') .. ',' .. content .. '}'
end
local sent = userId .. ':' .. clientMessageId
if clientMessageId ~= '' then
  redis.call('ZREMRANGEBYSCORE', chatSentKey, '-inf', now() - 120000)
  local sentAt = redis.call('ZSCORE', chatSentKey, sent)
  if sentAt then
    for _, entry in ipairs(redis.call('XRANGE', chatKey, sentAt, sentAt)) do
      if entry[2][4] == sent then return { 'OK', messageOf(entry[1], entry[2][2]) } end
    end
  end
end
local id = redis.call('XADD', chatKey, 'MAXLEN', '~', ARGV[7], '*', 'm', fields, 's', sent)
local message = messageOf(id, fields)
appendEvent('chat', '-', '{"type":"message","message":' .. message .. '}')
if clientMessageId ~= '' then redis.call('ZADD', chatSentKey, string.match(id, '^%d+'), sent) end
return { 'OK', message }
