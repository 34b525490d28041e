-- Appends a member to a flat list: user id, profile, joined at, '1' when away, role, '1' when chat-muted.
local function appendMember(members, userId, joinedAt)
  local n = #members
  members[n + 1], members[n + 2], members[n + 3] = userId, redis.call('HGET', profilesKey, userId), joinedAt
  members[n + 4] = redis.call('ZSCORE', awayKey, userId) and '1' or '0'
  members[n + 5] = redis.call('HGET', rolesKey, userId) or 'member'
  members[n + 6] = tostring(redis.call('SISMEMBER', mutedChattersKey, userId))
end
