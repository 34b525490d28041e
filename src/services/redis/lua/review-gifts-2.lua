#!lua flags=allow-oom
--[[
Puts gifts aside for an operator: the named ones, or those that have been in the queue for too long.

KEYS  1 pending gifts, 2 gifts under review
ARGV  1 consumer group, 2 prefix of transaction records, 3 reason, 4 longest time in the queue in ms,
      then the entry ids; none: those that are over time, 100 at most
Returns the number of gifts put aside
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local entries = {}
if #ARGV == 4 then
  entries = redis.call('XRANGE', KEYS[1], '-', string.format('%.0f', now - ARGV[4]), 'COUNT', 100)
else
  for i = 5, #ARGV do
    entries[#entries + 1] = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
  end
end
for _, entry in ipairs(entries) do
  local fields = entry[2]
  local transactionId
  for i = 1, #fields, 2 do
    if fields[i] == 'id' then transactionId = fields[i + 1] end
  end
  local reviewId = redis.call('XADD', KEYS[2], '*', 'reason', ARGV[3], unpack(fields))
  redis.call('HSET', ARGV[2] .. transactionId, 'status', 'underReview', 'reviewId', reviewId)
  redis.call('XACK', KEYS[1], ARGV[1], entry[1])
  redis.call('XDEL', KEYS[1], entry[1])
end
return #entries
