-- The text of one call, for the control plane to fetch.
--
-- KEYS[1]  list, the oldest first
-- ARGV     the text, how many may wait -> 1 | 0 no room
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('RPUSH', KEYS[1], ARGV[1])
return 1
