-- The messages of a room: a stream whose entries are
--   m  the message as JSON fields without braces, id and time
--   s  '<user id>:<client-made id>', '-:' for the server's own
--   q  what a reply quotes of it, as JSON fields without braces
--   r  role of the sender at that time, '-' for the server's own
-- The stream's ids are the clock: a message was sent at its id's ms.

local function messageOf(id, fields)
  return '{"id":"' .. id .. '","sentAt":' .. string.match(id, '^%d+') .. ',' .. fields .. '}'
end

-- The fields of a message by name, or nil when there is none (any more).
local function findMessage(id)
  local found = redis.call('XRANGE', chatKey, id, id)[1]
  if not found then return nil end
  local entry = {}
  for i = 1, #found[2], 2 do entry[found[2][i]] = found[2][i + 1] end
  return entry
end

-- How long a client-made id is remembered.
local rememberedMs = 120000

-- Whether something was said with this '<user id>:<client-made id>' lately; then the message, or nil when it was deleted.
local function findSent(sent, time)
  local sentAt = redis.call('ZSCORE', chatSentKey, sent)
  if not sentAt or tonumber(sentAt) < time - rememberedMs then return false end
  for _, entry in ipairs(redis.call('XRANGE', chatKey, sentAt, sentAt)) do
    if entry[2][4] == sent then return true, messageOf(entry[1], entry[2][2]) end
  end
  return true
end

local function authorOf(entry)
  return string.match(entry.s, '^[^:]+')
end

-- Puts a message into the history and the log. Returns its id and its JSON.
local function say(fields, sent, quote, role, historyLength)
  local id = redis.call('XADD', chatKey, 'MAXLEN', '~', historyLength, '*', 'm', fields, 's', sent, 'q', quote, 'r', role)
  local message = messageOf(id, fields)
  appendEvent('chat', '-', '{"type":"message","message":' .. message .. '}')
  return id, message
end
