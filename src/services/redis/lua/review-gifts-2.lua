#!lua flags=allow-oom
--[[
Puts gifts aside for an operator: the named ones, or those that have been in the queue for too long. One that is decided
or was put aside before only leaves the queue.

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
local count = 0
for _, entry in ipairs(entries) do
  local fields = entry[2]
  local record
  for i = 1, #fields, 2 do
    if fields[i] == 'id' then record = ARGV[2] .. fields[i + 1] end
  end
  -- An entry that cannot be read may lack its id, and its record.
  local status = record and redis.call('HGET', record, 'status')
  if not status or status == 'pending' then
    local reviewId = redis.call('XADD', KEYS[2], '*', 'reason', ARGV[3], unpack(fields))
    if status then redis.call('HSET', record, 'status', 'underReview', 'reviewId', reviewId) end
    count = count + 1
  end
  redis.call('XACK', KEYS[1], ARGV[1], entry[1])
  redis.call('XDEL', KEYS[1], entry[1])
end
return count
