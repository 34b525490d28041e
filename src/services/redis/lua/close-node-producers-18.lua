--[[
Drops the producers of a node whose media for this room is gone.

ARGV  3 node id
Returns { 'OK' }
]]
-- @include room
-- @include producers
closeProducersWhere(function(_, _, nodeId) return nodeId == ARGV[3] end, 'failed')
return { 'OK' }
