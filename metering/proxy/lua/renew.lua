-- All that a process has open lives on. Follows spending.lua.
--
-- ARGV[1]  ms that holds live; running calls: key of the set, id, and so on; money holds:
--          tenant, member, amount, key, project, 1 if the server may have lost it, and so
--          on (MessagePack)
local ask = cmsgpack.unpack(ARGV[1])
local running, money = ask[2], ask[3]
local time = redis.call('TIME')
local deadline = time[1] * 1000 + math.floor(time[2] / 1000) + ask[1]

for n = 1, #running, 2 do
  redis.call('ZADD', running[n], deadline, running[n + 1])
  redis.call('PEXPIRE', running[n], 60000)
end
for n = 1, #money, 6 do
  local tenant, member, amount, key, project = unpack(money, n, n + 4)
  local set = 'tokenfab:held:{' .. tenant .. '}'
  local is_known = redis.call('ZSCORE', set, member)
  if is_known or money[n + 5] == 1 then
    redis.call('ZADD', set, deadline, member)
  end
  if not is_known and money[n + 5] == 1 then
    change_held(set .. ':sums', amount, key, project)
    redis.call('SADD', 'tokenfab:money:open', tenant)
  end
end
return 1
