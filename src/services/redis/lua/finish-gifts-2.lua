#!lua flags=allow-oom
--[[
Takes gifts that Laravel has decided out of the queue, keeps their final status and puts the final word into each
sender's mailbox: once, however often it is run.

KEYS  1 pending gifts, 2 gifts under review
ARGV  1 consumer group, 2 prefix of transaction records, 3 prefix of mailboxes, 4 channel that names senders,
      5 lifetime of records in seconds, 6 lifetime of mailboxes in seconds,
      then for each gift: entry id, transaction id, sender id, digest of its content, status, outcome as JSON
Returns for each gift 1 when this call made the status final, else 0
]]
local time = redis.call('TIME')
local oldest = string.format('%.0f', time[1] * 1000 - ARGV[6] * 1000)
local results, senders, told = {}, {}, {}
for i = 7, #ARGV, 6 do
  local entryId, transactionId, senderId, digest, status, outcome = unpack(ARGV, i, i + 5)
  local record = ARGV[2] .. transactionId
  local stored = redis.call('HMGET', record, 'status', 'reviewId')
  local first = 0
  if stored[1] == 'pending' or stored[1] == 'underReview' then
    first = 1
    -- For longer than the mailbox, so that a late retry is still answered with its status; so it is made small.
    redis.call('HSET', record, 'content', digest, 'sender', senderId, 'status', status, 'outcome', outcome)
    redis.call('HDEL', record, 'entryId', 'reviewId', 'touched')
    redis.call('EXPIRE', record, ARGV[5])
    -- It was put aside while this answer was on its way.
    if stored[2] then redis.call('XDEL', KEYS[2], stored[2]) end
    local mailbox = ARGV[3] .. senderId
    -- Exactly: what is older than the note of what was acknowledged would be said again.
    redis.call('XADD', mailbox, 'MINID', oldest, '*', 'outcome', outcome)
    redis.call('EXPIRE', mailbox, ARGV[6])
    if not told[senderId] then
      told[senderId] = true
      senders[#senders + 1] = senderId
    end
  end
  redis.call('XACK', KEYS[1], ARGV[1], entryId)
  redis.call('XDEL', KEYS[1], entryId)
  results[#results + 1] = first
end
if #senders > 0 then redis.call('PUBLISH', ARGV[4], table.concat(senders, ' ')) end
return results
