--[[
Takes a gift that Laravel has decided out of the queue and keeps its final status. Safe to run twice.

KEYS  1 transaction record, 2 pending gifts
ARGV  1 queue entry id, 2 consumer group, 3 status, 4 record lifetime in seconds
Returns 1 when this call made the status final, else 0
]]
local first = 0
if redis.call('HGET', KEYS[1], 'status') == 'pending' then
  redis.call('HSET', KEYS[1], 'status', ARGV[3])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
  first = 1
end
redis.call('XACK', KEYS[2], ARGV[2], ARGV[1])
redis.call('XDEL', KEYS[2], ARGV[1])
return first
