-- One atomic decision over the sliding windows of an API key.
--
-- KEYS[1], KEYS[2]  hashes of requests and of tokens: second -> amount, "sum" over all
--                   seconds held, "oldest" second that may still be in it
-- hold:   ARGV "hold", requests per minute, tokens per minute (0: no such limit),
--         least tokens, most tokens
--         -> {1, second, tokens held, requests left, tokens left}
--         -> {0, which ("requests" or "tokens"), milliseconds to wait, requests left,
--             tokens left}
-- settle: ARGV "settle", second, requests to add, tokens to add (mostly negative)
--         -> 1
--
-- A window is the present second and the 60 before it: never more than the limit in any
-- 60 seconds, at the price of up to one second of caution. A hold whose proxy died
-- leaves its window by itself.
local WINDOW_SECONDS = 60
local KEEP_SECONDS = 63

local function swept_sum(key, now)
  local values = redis.call('HMGET', key, 'sum', 'oldest')
  local sum, oldest = tonumber(values[1] or 0), tonumber(values[2] or now)
  local first = now - WINDOW_SECONDS
  if oldest < first then
    local gone = 0
    for second = oldest, first - 1 do
      local amount = redis.call('HGET', key, second)
      if amount then
        gone = gone + tonumber(amount)
        redis.call('HDEL', key, second)
      end
    end
    sum = sum - gone
    redis.call('HSET', key, 'sum', sum, 'oldest', first)
  elseif not values[2] then
    redis.call('HSET', key, 'sum', 0, 'oldest', now)
    redis.call('EXPIRE', key, KEEP_SECONDS)
  end
  return sum
end

local function add(key, second, amount)
  redis.call('HINCRBY', key, second, amount)
  redis.call('HINCRBY', key, 'sum', amount)
  redis.call('EXPIRE', key, KEEP_SECONDS)
end

-- Milliseconds until `needed` of the window's amounts have left it.
local function wait_ms(key, now, microseconds, needed)
  local freed = 0
  for second = now - WINDOW_SECONDS, now do
    freed = freed + tonumber(redis.call('HGET', key, second) or 0)
    if freed >= needed then
      return (second + WINDOW_SECONDS + 1 - now) * 1000 - math.floor(microseconds / 1000)
    end
  end
  return (WINDOW_SECONDS + 1) * 1000
end

local time = redis.call('TIME')
local now, microseconds = tonumber(time[1]), tonumber(time[2])

if ARGV[1] == 'settle' then
  local second = tonumber(ARGV[2])
  if second >= now - WINDOW_SECONDS then
    for index = 1, 2 do
      local amount = tonumber(ARGV[2 + index])
      if amount ~= 0 and redis.call('HEXISTS', KEYS[index], second) == 1 then
        add(KEYS[index], second, amount)
      end
    end
  end
  return 1
end

local requests_limit, tokens_limit = tonumber(ARGV[2]), tonumber(ARGV[3])
local least, most = tonumber(ARGV[4]), tonumber(ARGV[5])
local requests_left, tokens_left = -1, -1
if requests_limit > 0 then
  requests_left = requests_limit - swept_sum(KEYS[1], now)
end
if tokens_limit > 0 then
  tokens_left = tokens_limit - swept_sum(KEYS[2], now)
end
if requests_limit > 0 and requests_left < 1 then
  local wait = wait_ms(KEYS[1], now, microseconds, 1 - requests_left)
  return {0, 'requests', wait, math.max(0, requests_left), math.max(0, tokens_left)}
end
if tokens_limit > 0 and tokens_left < least then
  local wait = wait_ms(KEYS[2], now, microseconds, least - tokens_left)
  return {0, 'tokens', wait, math.max(0, requests_left), math.max(0, tokens_left)}
end
local held = 0
if requests_limit > 0 then
  add(KEYS[1], now, 1)
  requests_left = requests_left - 1
end
if tokens_limit > 0 then
  held = math.min(most, tokens_left)
  add(KEYS[2], now, held)
  tokens_left = tokens_left - held
end
return {1, now, held, requests_left, tokens_left}
