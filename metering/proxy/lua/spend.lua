-- A call ended: its money hold goes, its cost is spent. Follows spending.lua. Safe to
-- repeat where there was a hold.
--
-- ARGV[1]  tenant, project, key; member of the hold ("": there was none), its amount
--          (-1: not known, the member ends before it) and the run id of the server that
--          it was made on; cost; when it happened (µs), its
--          day and month; run id of the present server (MessagePack)
-- Returns  1 done; 2 the money of the tenant is not known, ask again
local ask = cmsgpack.unpack(ARGV[1])
local tenant, project, key, member, amount, made_on = unpack(ask, 1, 6)
local cost, happened_at_us, day, month, server = unpack(ask, 7, 11)

local state = redis.call(
  'HMGET', 'tokenfab:money:{' .. tenant .. '}', 'server', 'counted_at_us')
if state[1] ~= server then
  return 2
end
local set = 'tokenfab:held:{' .. tenant .. '}'
if amount < 0 then
  for _, one in ipairs(redis.call('ZRANGE', set, 0, -1)) do
    if string.sub(one, 1, #member) == member then
      member, amount = one, tonumber(string.match(one, '|(%d+)|'))
    end
  end
end
local was_held = member ~= '' and redis.call('ZREM', set, member) == 1
if was_held then
  change_held(set .. ':sums', -amount, key, project)
end
local counted_at_us = tonumber(state[2] or 0)
-- A hold that is gone was spent in full when it expired, unless its server went with it
-- or all was counted anew since.
local is_due = member == '' or was_held or made_on ~= server
if not is_due then
  local expired_at_ms = redis.call('ZSCORE', set .. ':expired', member)
  redis.call('ZREM', set .. ':expired', member)
  is_due = expired_at_ms and expired_at_ms * 1000 < counted_at_us
end
-- What happened before the count is in the count.
if is_due and happened_at_us > counted_at_us then
  spend(tenant, cost, key, project, day, month)
end
return 1
