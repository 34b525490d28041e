--[[
Makes a gift durable: its record and its place in the queue. The same gift again is answered with its status.

KEYS  1 transaction record, 2 pending gifts
ARGV  1 content as JSON (what makes two gifts the same), 2 transaction id,
      3 gift as JSON for the queue
Returns { 'OK', status, new 0|1, sent at ms } or { 'GIFT_ID_CONFLICT' }
]]
local stored = redis.call('HMGET', KEYS[1], 'content', 'status', 'sentAt')
if stored[1] then
  if stored[1] ~= ARGV[1] then return { 'GIFT_ID_CONFLICT' } end
  return { 'OK', stored[2], 0, tonumber(stored[3]) }
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'content', ARGV[1], 'status', 'pending', 'sentAt', now)
redis.call('XADD', KEYS[2], '*', 'id', ARGV[2], 'sentAt', now, 'gift', ARGV[3])
return { 'OK', 'pending', 1, now }
