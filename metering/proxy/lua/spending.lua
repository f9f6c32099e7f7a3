-- Money of a tenant. Part of hold.lua, spend.lua and sweep.lua. Nanos.
--
-- tokenfab:money:{T}      hash, written by the control plane: server, credit, counted_at_us
-- tokenfab:held:{T}       sorted set: "<id>|<amount>|<key>|<project>" -> deadline, ms
-- tokenfab:held:{T}:sums  hash: "tenant", "project:<id>", "key:<id>" -> sum of the set
-- tokenfab:held:{T}:expired  sorted set: member -> when it was spent in full, ms
-- tokenfab:spent:{T}:…    integers, see docs/metering.md
local DAY_KEEP_SECONDS, MONTH_KEEP_SECONDS = 3 * 86400, 40 * 86400

local function change_sum(sums, field, amount)
  if redis.call('HINCRBY', sums, field, amount) <= 0 then
    redis.call('HDEL', sums, field)
  end
end

local function change_held(sums, amount, key, project)
  if amount ~= 0 then
    change_sum(sums, 'tenant', amount)
    change_sum(sums, 'project:' .. project, amount)
    change_sum(sums, 'key:' .. key, amount)
  end
end

local function count(key, amount, keep_seconds)
  if redis.call('INCRBY', key, amount) == amount then
    redis.call('EXPIRE', key, keep_seconds)
  end
end

local function spend(tenant, amount, key, project, day, month)
  if amount == 0 then
    return
  end
  local prefix = 'tokenfab:spent:{' .. tenant .. '}:'
  redis.call('INCRBY', prefix .. 'tenant:total', amount)
  for _, subject in ipairs({'tenant:' .. tenant, 'project:' .. project, 'key:' .. key}) do
    count(prefix .. subject .. ':day:' .. day, amount, DAY_KEEP_SECONDS)
    count(prefix .. subject .. ':month:' .. month, amount, MONTH_KEEP_SECONDS)
  end
end

-- Holds whose process did not renew them: spent in full, and to be counted again.
local function spend_expired(tenant, now_ms, day, month)
  local held = 'tokenfab:held:{' .. tenant .. '}'
  local members = redis.call('ZRANGEBYSCORE', held, '-inf', now_ms, 'LIMIT', 0, 200)
  for _, member in ipairs(members) do
    local amount, key, project = string.match(member, '|(%d+)|(%d+)|(%d+)$')
    redis.call('ZREM', held, member)
    redis.call('ZADD', held .. ':expired', now_ms, member)
    redis.call('EXPIRE', held .. ':expired', DAY_KEEP_SECONDS)
    change_held(held .. ':sums', -amount, key, project)
    spend(tenant, tonumber(amount), key, project, day, month)
  end
  if #members > 0 then
    redis.call('SADD', 'tokenfab:money:unsure', tenant)
  end
end
