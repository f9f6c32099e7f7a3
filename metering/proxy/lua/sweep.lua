-- Spends what dead processes held of the money of some tenants. Follows spending.lua.
--
-- ARGV[1]  day, month (MessagePack)
local ask = cmsgpack.unpack(ARGV[1])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

for _, tenant in ipairs(redis.call('SRANDMEMBER', 'tokenfab:money:open', 64)) do
  spend_expired(tenant, now_ms, ask[1], ask[2])
  if redis.call('EXISTS', 'tokenfab:held:{' .. tenant .. '}') == 0 then
    redis.call('SREM', 'tokenfab:money:open', tenant)
  end
end
return 1
