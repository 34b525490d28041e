--[[
Makes a gift durable: its record and its place in the queue. The same gift again is answered with its status.

KEYS  1 transaction record, 2 pending gifts
ARGV  1 content as JSON (what makes two gifts the same), 2 its digest, which is kept of a gift that is decided,
      3 transaction id, 4 gift as the room sees it, as JSON fields without braces and time
Returns { 'OK', status, 0, the room's event as JSON, or '' once the room has been told },
        or { 'OK', 'pending', 1, the room's event as JSON, gifts in the queue } when it is new,
        or { 'GIFT_ID_CONFLICT' }
]]
local stored = redis.call('HMGET', KEYS[1], 'content', 'status', 'shown', 'entryId')
if stored[1] then
  if stored[1] ~= ARGV[1] and stored[1] ~= ARGV[2] then return { 'GIFT_ID_CONFLICT' } end
  local event = ''
  if stored[2] == 'pending' and not stored[3] and stored[4] then
    local entry = redis.call('XRANGE', KEYS[2], stored[4], stored[4])[1]
    for i = 1, entry and #entry[2] or 0, 2 do
      if entry[2][i] == 'event' then event = entry[2][i + 1] end
    end
  end
  return { 'OK', stored[2], 0, event }
end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local event = '{"type":"giftReceived","gift":{' .. ARGV[4] .. ',"sentAt":' .. now .. '}}'
local entryId = redis.call('XADD', KEYS[2], '*', 'id', ARGV[3], 'sentAt', now, 'gift', ARGV[1], 'event', event)
redis.call('HSET', KEYS[1], 'content', ARGV[1], 'status', 'pending', 'entryId', entryId)
return { 'OK', 'pending', 1, event, redis.call('XLEN', KEYS[2]) }
