--[[
Gives a shard back, or keeps it for longer, if this node has it.

KEYS  1 lease
ARGV  1 node id, 2 ms to keep it for, or 0 to give it back
Returns 1 when this node had it, else 0
]]
if string.match(redis.call('GET', KEYS[1]) or '', '^[^:]*') ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
