--[[
Says that a node lives and answers which nodes do not.

KEYS  1 nodes
ARGV  1 node id, 2 ms of silence after which a node is dead
Returns node ids of the dead
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
return redis.call('ZRANGE', KEYS[1], '-inf', now - ARGV[2], 'BYSCORE')
