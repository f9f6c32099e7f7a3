-- From where one API key was last used.
--
-- KEYS[1]  JSON array, its first member when (microseconds)
-- ARGV     when, the JSON, keep seconds -> 1 | 0 a later use is known
--
-- Proxies tell of a use seconds later and in any order: the latest stays.
local known = redis.call('GET', KEYS[1])
if known and cjson.decode(known)[1] > tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
