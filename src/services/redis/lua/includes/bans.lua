-- The parts of a stored ban: who banned or '-', since when, until when in ms (0: for good), why.
local function parseBan(stored)
  local bannedBy, bannedAt, untilTime, reason = string.match(stored, '^(%S+) (%S+) (%S+) (.*)$')
  return bannedBy, tonumber(bannedAt), tonumber(untilTime), reason
end

local function isOver(stored, time)
  local _, _, untilTime = parseBan(stored)
  return untilTime ~= 0 and untilTime <= time
end

local function isBanned(userId, time)
  local stored = redis.call('HGET', bansKey, userId)
  return stored and not isOver(stored, time)
end

-- What whoever a ban holds for is refused with: the code, until when in ms (0: for good), why or ''; nil for all others.
local function refusalOfBanned(userId, time)
  if not isBanned(userId, time) then return nil end
  local _, _, untilTime, reason = parseBan(redis.call('HGET', bansKey, userId))
  return { 'BANNED', untilTime, reason }
end

-- Whether a ban holds that the caller may not touch: that of an operator, or of an owner who is not the caller. Nobody but
-- those outranks somebody who may ban.
local function isBannedFromAbove(userId, time)
  local stored = redis.call('HGET', bansKey, userId)
  if not stored or isOver(stored, time) or ARGV[3] == '-' then return false end
  local bannedBy = parseBan(stored)
  return bannedBy == '-' or (bannedBy == redis.call('HGET', stateKey, 'ownerId') and bannedBy ~= ARGV[3])
end

-- Drops the bans that are over, and has the key go by itself with the last one.
local function tidyBans(time)
  local bans = redis.call('HGETALL', bansKey)
  local last = 0
  for i = 1, #bans, 2 do
    local _, _, untilTime = parseBan(bans[i + 1])
    if isOver(bans[i + 1], time) then
      redis.call('HDEL', bansKey, bans[i])
    elseif untilTime == 0 then
      last = math.huge
    else
      last = math.max(last, untilTime)
    end
  end
  if last == math.huge then
    redis.call('PERSIST', bansKey)
  elseif last > 0 then
    redis.call('PEXPIREAT', bansKey, string.format('%.0f', last))
  end
end
