-- The parts of a stored producer: user id, source, paused ('0' or '1'), node id; nil when there is none.
local function producerOf(producerId)
  local stored = redis.call('HGET', producersKey, producerId)
  if not stored then return nil end
  return string.match(stored, '^(%S+) (%S+) (%S+) (%S+)$')
end

local function closeProducer(producerId, userId, reason)
  redis.call('HDEL', producersKey, producerId)
  appendEvent('media', '-', '{"type":"producerClosed","producerId":"' .. producerId .. '","userId":' .. userId
    .. ',"reason":"' .. reason .. '"}')
end

-- Closes the producers that `matches(userId, source, nodeId)` accepts. At most two a seat.
local function closeProducersWhere(matches, reason)
  local producers = redis.call('HGETALL', producersKey)
  for i = 1, #producers, 2 do
    local userId, source, _, nodeId = string.match(producers[i + 1], '^(%S+) (%S+) (%S+) (%S+)$')
    if matches(userId, source, nodeId) then closeProducer(producers[i], userId, reason) end
  end
end
