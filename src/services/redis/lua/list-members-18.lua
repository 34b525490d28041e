--[[
Answers a page of the members by time of joining, at one moment; none for a room that is not open. Whoever leaves between
two pages takes no other member out of the next one, since a page begins after a member and not at a rank.

ARGV  3 time at which the last member of the page before joined, or '-inf', 4 that member's user id, or '', 5 page size
Returns { 'OK', members as in includes/members.lua }
]]
-- @include room
-- @include members
local joinedAt, userId, size = ARGV[3], ARGV[4], tonumber(ARGV[5])
-- Of one moment Redis orders the members by their ids as text; those up to the last one have been listed.
local ties = userId == '' and 0 or redis.call('ZCOUNT', rosterKey, joinedAt, joinedAt)
local page = redis.call('ZRANGE', rosterKey, joinedAt, '+inf', 'BYSCORE', 'LIMIT', 0, size + ties, 'WITHSCORES')
local members, count = {}, 0
for i = 1, #page, 2 do
  local isListed = userId ~= '' and tonumber(page[i + 1]) == tonumber(joinedAt) and page[i] <= userId
  if not isListed and count < size then
    appendMember(members, page[i], page[i + 1])
    count = count + 1
  end
end
return { 'OK', members }
