#!lua flags=allow-oom
--[[
Notes what the room has been told of a gift.

KEYS  1 transaction record
ARGV  1 'shown' or 'withdrawn'
Returns 1 when the gift has been withdrawn, by now or ever, else 0
]]
-- A record that has expired is not to come back, for ever.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], '1')
local withdrawn, status = unpack(redis.call('HMGET', KEYS[1], 'withdrawn', 'status'))
return (withdrawn or status == 'rejected') and 1 or 0
