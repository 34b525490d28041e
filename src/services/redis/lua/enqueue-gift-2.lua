--[[
Makes a gift durable: its record and its place in the queue. The same gift again is answered with its status.

KEYS  1 transaction record, 2 pending gifts
ARGV  1 content as JSON (what makes two gifts the same), 2 transaction id,
      3 gift as the room sees it, as JSON fields without braces and time
Returns { 'OK', status, 0 } or { 'OK', 'pending', 1, the room's event as JSON, gifts in the queue } when it is new,
        or { 'GIFT_ID_CONFLICT' }
]]
local stored = redis.call('HMGET', KEYS[1], 'content', 'status')
if stored[1] then
  if stored[1] ~= ARGV[1] then return { 'GIFT_ID_CONFLICT' } end
  return { 'OK', stored[2], 0 }
end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local event = '{"type":"giftReceived","gift":{' .. ARGV[3] .. ',"sentAt":' .. now .. '}}'
redis.call('HSET', KEYS[1], 'content', ARGV[1], 'status', 'pending')
redis.call('XADD', KEYS[2], '*', 'id', ARGV[2], 'sentAt', now, 'gift', ARGV[1], 'event', event)
return { 'OK', 'pending', 1, event, redis.call('XLEN', KEYS[2]) }
