-- Make a tenant's counters what its usage events say, if nobody moved them meanwhile.
--
-- KEYS[1]  tokenfab:money:{T}
-- KEYS[2]  tokenfab:spent:{T}:tenant:total
-- KEYS[3…] counters of days and months
-- ARGV[1]  run id of the server that the total was read from
-- ARGV[2]  that total ("": there was none)
-- ARGV[3]  its credit, as `limiter_credits` says ("": none)
-- ARGV[4]  up to when the events were summed, microseconds since the epoch
-- ARGV[5]  the total to set, then for each counter its value and the seconds to keep it
-- Returns  1: done; 0: another server, or somebody spent since
if string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') ~= ARGV[1] then
  return 0
end
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then
  return 0
end
local counted_at = redis.call('HGET', KEYS[1], 'counted_at_us')
if counted_at and tonumber(counted_at) > tonumber(ARGV[4]) then
  return 0
end

local function put(key, value, seconds)
  if value == '0' then
    redis.call('DEL', key)
  elseif seconds then
    redis.call('SET', key, value, 'EX', seconds)
  else
    redis.call('SET', key, value)
  end
end

put(KEYS[2], ARGV[5])
for n = 3, #KEYS do
  put(KEYS[n], ARGV[2 * n], ARGV[2 * n + 1])
end
redis.call('HSET', KEYS[1], 'server', ARGV[1], 'counted_at_us', ARGV[4])
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], 'credit')
else
  redis.call('HSET', KEYS[1], 'credit', ARGV[3])
end
return 1
