--[[
Answers a message that was said within the last two minutes, by its client-made id.

ARGV  3 user id, 4 session id, 5 client-made id
Returns { 'OK', message as JSON, or '' when there is none } or { 'NOT_IN_ROOM' }
]]
-- @include room
-- @include chat
local userId = ARGV[3]
if sessionOf(userId) ~= ARGV[4] then return { 'NOT_IN_ROOM' } end
local _, message = findSent(userId .. ':' .. ARGV[5], now())
return { 'OK', message or '' }
