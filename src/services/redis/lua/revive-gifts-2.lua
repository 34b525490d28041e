--[[
Queues gifts under review again, with their ids, at the end of the queue. One that is decided or queued by now only
leaves the review.

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
local count = 0
for _, entry in ipairs(entries) do
  local fields, kept, record = entry[2], {}, nil
  for i = 1, #fields, 2 do
    if fields[i] == 'id' then record = ARGV[1] .. fields[i + 1] end
    if fields[i] ~= 'reason' then
      kept[#kept + 1] = fields[i]
      kept[#kept + 1] = fields[i + 1]
    end
  end
  local status = record and redis.call('HGET', record, 'status')
  if not status or status == 'underReview' then
    local entryId = redis.call('XADD', KEYS[1], '*', unpack(kept))
    if status then
      redis.call('HSET', record, 'status', 'pending', 'entryId', entryId)
      redis.call('HDEL', record, 'reviewId')
    end
    count = count + 1
  end
  redis.call('XDEL', KEYS[2], entry[1])
end
return count
