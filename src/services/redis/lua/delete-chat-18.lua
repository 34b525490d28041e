--[[
Takes a message out of the history: by its author, or by a host who outranks the author. What the server said stays.

ARGV  3 to 6 the caller (includes/roles.lua), 7 message id
Returns { 'OK' } or { 'NOT_IN_ROOM' | 'MESSAGE_NOT_FOUND' | 'NOT_ALLOWED' }
]]
-- @include room
-- @include roles
-- @include chat
local userId, messageId = ARGV[3], ARGV[7]
local refusal = refusalOfCaller(nil)
if refusal then return { refusal } end

-- Known for as long as messages that were sent: a repeated call is granted.
local deleted = userId .. ':deleted:' .. messageId
local message = findMessage(messageId)
if not message then return { redis.call('ZSCORE', chatSentKey, deleted) and 'OK' or 'MESSAGE_NOT_FOUND' } end

local author = authorOf(message)
if author ~= userId then
  if author == '-' then return { 'NOT_ALLOWED' } end
  local rank = ranks[roleOf(userId)]
  -- Of whoever has left only the role is known with which the message was sent.
  local role = sessionOf(author) and roleOf(author) or message.r or 'member'
  if author == redis.call('HGET', stateKey, 'ownerId') then role = 'owner' end
  if rank < ranks.admin or rank <= ranks[role] then return { 'NOT_ALLOWED' } end
end
redis.call('XDEL', chatKey, messageId)
redis.call('ZADD', chatSentKey, now(), deleted)
appendEvent('chat', '-', '{"type":"messageDeleted","messageId":"' .. messageId .. '","by":' .. userId .. '}')
return { 'OK' }
