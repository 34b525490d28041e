#!lua flags=allow-oom
--[[
Takes the shard for this node, if no living node has it, and claims gifts for settling: those that were claimed before
and are undecided, by a node that died too, then new ones; oldest first. A shard without gifts is given back.

KEYS  1 pending gifts, 2 lease
ARGV  1 consumer group, 2 node id, 3 length of the lease in ms, 4 most gifts, 5 claims of this lease that the node knows
      of, 6 position among the gifts claimed before, 7 least time since their last claim in ms,
      8 prefix of transaction records
Returns { 'HELD' } when another node has the shard, or { 'OK', claims of this lease, next position, gifts in the queue,
        { { entry id, gift as JSON, sent at, event as JSON, shown 0|1 }... } }
]]
local group, nodeId, most, known = ARGV[1], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
local position, idle = ARGV[6], ARGV[7]
local holder, claims = string.match(redis.call('GET', KEYS[2]) or '', '^([^:]*):?(%d*)$')
if holder ~= '' and holder ~= nodeId then return { 'HELD' } end
local backlog = redis.call('XLEN', KEYS[1])
if backlog == 0 then
  redis.call('DEL', KEYS[2])
  return { 'OK', 0, '0-0', 0, {} }
end
-- What the last holder had claimed is this node's now, from the oldest on; and so is what it has claimed itself without
-- hearing of it. Newer gifts of the same senders must not be settled before.
if holder == '' or tonumber(claims) ~= known then position, idle, known = '0-0', 0, 0 end
redis.call('SET', KEYS[2], nodeId .. ':' .. known + 1, 'PX', ARGV[3])

-- One consumer for all nodes: the lease says whose the claims are, and a consumer left behind would keep them.
local consumer = 'settlement'
-- A pass that has begun is ended before anything new is taken, however lately the rest was claimed.
if position ~= '0-0' then idle = 0 end
local claimed = redis.pcall('XAUTOCLAIM', KEYS[1], group, consumer, idle, position, 'COUNT', most)
if claimed.err then
  redis.call('XGROUP', 'CREATE', KEYS[1], group, '0')
  claimed = { '0-0', {} }
end
local entries = claimed[2]
if #entries < most and claimed[1] == '0-0' then
  local new = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', most - #entries, 'STREAMS', KEYS[1], '>')
  if new then
    for _, entry in ipairs(new[1][2]) do entries[#entries + 1] = entry end
  end
end

local gifts = {}
for _, entry in ipairs(entries) do
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  -- One that this release cannot read is answered all the same, to be put aside.
  local shown = redis.call('HEXISTS', ARGV[8] .. (fields['id'] or ''), 'shown')
  gifts[#gifts + 1] = { entry[1], fields['gift'] or '', fields['sentAt'] or '', fields['event'] or '', shown }
end
return { 'OK', known + 1, claimed[1], backlog, gifts }
