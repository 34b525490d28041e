--[[
Says that media routers were lost with a worker, once there are others.

ARGV  3 router ids, a JSON array
Returns { 'OK' } or { 'ROOM_NOT_FOUND' }
]]
-- @include room
-- Without this a closed room would get a log again that nobody deletes.
if redis.call('EXISTS', stateKey) == 0 then return { 'ROOM_NOT_FOUND' } end
appendEvent('media', '-', '{"type":"routersReplaced","routerIds":' .. ARGV[3] .. '}')
return { 'OK' }
