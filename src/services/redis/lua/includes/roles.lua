-- Whether the caller may do what it calls. Scripts that ask have these arguments:
-- ARGV  3 user id, or '-' for an operator, 4 session id, 5 the least role, 6 '1' when the caller must outrank its target
local ranks = { owner = 3, admin = 2, member = 1 }

local function roleOf(userId)
  return redis.call('HGET', rolesKey, userId) or 'member'
end

-- The code to refuse the caller with, or nil. `target` is the user it is done to, or nil; `role` is the target's where it
-- is known from elsewhere, since only members have theirs in Redis.
local function refusalOfCaller(target, role)
  if ARGV[3] == '-' then return nil end
  if sessionOf(ARGV[3]) ~= ARGV[4] then return 'NOT_IN_ROOM' end
  local rank = ranks[roleOf(ARGV[3])]
  if rank < ranks[ARGV[5]] then return 'NOT_ALLOWED' end
  if target and ARGV[6] == '1' and rank <= ranks[role or roleOf(target)] then return 'NOT_ALLOWED' end
  return nil
end

-- Notes the role of a member, and says so when it is another one than before.
local function setRole(userId, role)
  if roleOf(userId) == role then return end
  introduce(userId)
  redis.call('HSET', rolesKey, userId, role)
  appendEvent('room', '-', '{"type":"roleChanged","userId":' .. userId .. ',"role":"' .. role .. '"}')
end

-- Changes the role of a user, a member or not. `key` keeps it for a while: a join that is under way may have looked up the
-- role of before, and heeds the changed one.
local function changeRole(key, userId, role, heededMs)
  redis.call('SET', key, role, 'PX', heededMs)
  if sessionOf(userId) then setRole(userId, role) end
end
