--[[
Queues gifts under review again, with their ids, at the end of the queue.

KEYS  1 pending gifts, 2 gifts under review
ARGV  1 prefix of transaction records, 2 most gifts, then transaction ids; none: the oldest
Returns the number of gifts queued
]]
local entries = {}
if #ARGV == 2 then
  entries = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[2])
else
  for i = 3, #ARGV do
    local reviewId = redis.call('HGET', ARGV[1] .. ARGV[i], 'reviewId')
    if reviewId then entries[#entries + 1] = redis.call('XRANGE', KEYS[2], reviewId, reviewId)[1] end
  end
end
for _, entry in ipairs(entries) do
  local fields, kept, transactionId = entry[2], {}, nil
  for i = 1, #fields, 2 do
    if fields[i] == 'id' then transactionId = fields[i + 1] end
    if fields[i] ~= 'reason' then
      kept[#kept + 1] = fields[i]
      kept[#kept + 1] = fields[i + 1]
    end
  end
  redis.call('XADD', KEYS[1], '*', unpack(kept))
  redis.call('HSET', ARGV[1] .. transactionId, 'status', 'pending')
  redis.call('HDEL', ARGV[1] .. transactionId, 'reviewId')
  redis.call('XDEL', KEYS[2], entry[1])
end
return #entries
