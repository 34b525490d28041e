--[[
Ends a producer. Silent when it is gone already.

ARGV  3 user id, 4 producer id, 5 reason
Returns { 'OK' } or { 'PRODUCER_NOT_FOUND' }
]]
-- @include room
-- @include producers
if producerOf(ARGV[4]) ~= ARGV[3] then return { 'PRODUCER_NOT_FOUND' } end
closeProducer(ARGV[4], ARGV[3], ARGV[5])
return { 'OK' }
