-- What was held becomes what was used. Follows windows.lua in one script.
--
-- KEYS     windows, then counters, then sorted sets of running calls
-- ARGV[1]  number of windows, of counters; seconds that each counter is kept (MessagePack)
-- ARGV[2]  corrections of the windows (see `correct`), requests to add to the counters,
--          places that go back (ids), returned slice or 0
-- Returns  the present bucket
local fixed, ask = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
local window_count, counter_count, keeps = fixed[1], fixed[2], fixed[3]

for n = 1, window_count do
  local window = open_window(KEYS[n])
  if ask[4] ~= 0 then
    take_back(window, ask[4])
  end
  for _, entry in ipairs(ask[1]) do
    correct(window, entry)
  end
  close_window(window)
end
if ask[2] ~= 0 then
  for n = 1, counter_count do
    local key = KEYS[window_count + n]
    local value = redis.call('INCRBY', key, ask[2])
    if value <= 0 then
      redis.call('DEL', key)
    elseif value == ask[2] then
      redis.call('EXPIRE', key, keeps[n])
    end
  end
end
if #ask[3] > 0 then
  for n = window_count + counter_count + 1, #KEYS do
    redis.call('ZREM', KEYS[n], unpack(ask[3]))
  end
end
return present
