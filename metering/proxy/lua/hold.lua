-- One decision over all limits of a call, all or nothing. Follows windows.lua and
-- spending.lua in one script.
--
-- KEYS     windows, then counters (day, month), then sorted sets of running calls, then
--          the counters that spend limits look at
-- ARGV[1]  what is fixed for a key and a model (MessagePack): number of windows, of
--          counters, of running sets; processes; amounts of the limits (three a window,
--          -1: none; one a counter, one a set); seconds that each counter is kept; money:
--          0 or {is prepaid, tenant, project, key, day, month, amounts, sums' fields}
-- ARGV[2]  what the call asks for: requests (0: it was held before), least and most
--          tokens, images, id, returned slice (0 or bucket, granted 3, used 3), wanted
--          slice (0 or requests, tokens, images, largest tokens and images of a call),
--          previous hold (0 or bucket, tokens, images, member, cost), and with money or
--          running sets: least and most cost, run id of the server, ms that holds live,
--          places that go back (ids)
-- Returns  {1, now ms, bucket, tokens, cost, tightest limit of requests, left of it,
--          tightest of tokens, left of it[, slice: requests, tokens, images, bucket, free
--          places that may be kept]}
--          {0, now ms, limit that refuses, wait ms, available, tightest of requests, left,
--          ms to its reset, of tokens, left, ms]}; 3 instead of 0: slices are out, that
--          may be back then
--          {2}: the money of the tenant is not known
-- Limits are numbered in the order of their amounts, then spend limits, then the credit.
--
-- A place is a member of the running sets. Beside each set, as ms: `:lent`, until when free
-- ones may be out; `:wanted`, until when none are lent, since somebody was refused.
local RUNNING_KEEP_MS, SLICE_MS, GRACE_MS, WANTED_MS = 60000, 500, 250, 1000
local RUNNING_WAIT_MS, PLACES_MAX = 1000, 1000

local fixed, ask = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
local window_count, counter_count, running_count = fixed[1], fixed[2], fixed[3]
local processes, amounts, keeps, money = fixed[4], fixed[5], fixed[6], fixed[7]
local requests, least, most, images, id = ask[1], ask[2], ask[3], ask[4], ask[5]
local returned, wanted, previous, left_places = ask[6], ask[7], ask[8], ask[13] or {}
local first_counter = 3 * window_count
local first_running = first_counter + counter_count
local first_spend = first_running + running_count

local refused_by, longest_ms, is_sliced = 0, -1, false
local function refuse(limit, wait, sliced)
  if wait > longest_ms then
    refused_by, longest_ms, is_sliced = limit, wait, sliced
  end
end

-- Money first: waiting does not help who has none.
local cost, available = 0, 0
if money ~= 0 then
  local tenant, day, month = money[2], money[5], money[6]
  local state = redis.call('HMGET', 'tokenfab:money:{' .. tenant .. '}', 'server', 'credit')
  if state[1] ~= ask[11] then
    return {2}
  end
  spend_expired(tenant, now_ms, day, month)
  local sums = 'tokenfab:held:{' .. tenant .. '}:sums'
  local back = previous ~= 0 and previous[5] or 0
  cost = ask[10]
  local function limit_cost(limit, room)
    if ask[9] > room and refused_by == 0 then
      refused_by, available = limit, max(0, room)
    end
    cost = min(cost, room)
  end
  if money[1] == 1 then
    local total = redis.call('GET', 'tokenfab:spent:{' .. tenant .. '}:tenant:total')
    local held = redis.call('HGET', sums, 'tenant')
    limit_cost(first_spend + #money[7] + 1,
      (state[2] or 0) - (total or 0) - (held or 0) + back)
  end
  for n, amount in ipairs(money[7]) do
    local spent = redis.call('GET', KEYS[window_count + counter_count + running_count + n])
    local held = redis.call('HGET', sums, money[8][n])
    limit_cost(first_spend + n, amount - (spent or 0) - (held or 0) + back)
  end
end
local is_poor = refused_by > 0

local windows, counters = {}, {}
for n = 1, window_count do
  local window = open_window(KEYS[n])
  windows[n] = window
  if returned ~= 0 then
    take_back(window, returned)
  end
end
if counter_count > 0 then
  counters = redis.call('MGET', unpack(KEYS, window_count + 1, window_count + counter_count))
  for n = 1, counter_count do
    counters[n] = tonumber(counters[n] or 0)
    if returned ~= 0 and returned[5] ~= returned[2] then
      local key = KEYS[window_count + n]
      counters[n] = redis.call('INCRBY', key, returned[5] - returned[2])
      redis.call('EXPIRE', key, keeps[n])
    end
  end
end

local function running_key(n)
  return KEYS[window_count + counter_count + n]
end

local running_rooms = {}
for n = 1, running_count do
  if #left_places > 0 then
    redis.call('ZREM', running_key(n), unpack(left_places))
  end
  if requests > 0 then
    redis.call('ZREMRANGEBYSCORE', running_key(n), '-inf', now_ms)
    running_rooms[n] = amounts[first_running + n] - redis.call('ZCARD', running_key(n))
  end
end

-- Free places of others come back soon, and none are lent meanwhile.
local function refuse_running(n)
  local key = running_key(n)
  local lent_ms = (redis.call('GET', key .. ':lent') or 0) - now_ms
  redis.call('SET', key .. ':wanted', now_ms + WANTED_MS, 'PX', RUNNING_KEEP_MS)
  if lent_ms > 0 then
    refuse(first_running + n, lent_ms, true)
  else
    refuse(first_running + n, RUNNING_WAIT_MS, false)
  end
end

local function room_of(n, kind)
  local limit = amounts[3 * (n - 1) + kind]
  if limit < 0 then
    return nil
  end
  local room = limit - windows[n][SUM + kind]
  if previous ~= 0 and kind > 1 and holds(windows[n], previous[1]) then
    room = room + previous[kind]
  end
  return room
end

local held = most
if not is_poor then
  local needs = {requests, least, images}
  for n = 1, window_count do
    local window = windows[n]
    for kind = 1, 3 do
      local room = room_of(n, kind)
      if room and needs[kind] > 0 and room < needs[kind] then
        local wait = wait_ms(window, kind, needs[kind] - room)
        local sliced = window[SLICED + kind] > 0
        if sliced then
          wait = min(wait, window[SLICED_UNTIL] - now_ms)
        end
        -- Also without slices: who is near the limit must not see one granted.
        window[WANTED_UNTIL] = now_ms + WANTED_MS
        refuse(3 * (n - 1) + kind, wait, sliced)
      end
      if room and kind == 2 then
        held = max(0, min(held, room))
      end
    end
  end
  if requests > 0 then
    for n = 1, counter_count do
      if counters[n] + requests > amounts[first_counter + n] then
        -- The proxy knows when the day or the month ends, and that it is longest.
        refuse(first_counter + n, 1e9 * keeps[n], false)
      end
    end
    for n = 1, running_count do
      if running_rooms[n] <= 0 then
        refuse_running(n)
      end
    end
  end
end

if refused_by == 0 then
  for n = 1, window_count do
    local window = windows[n]
    if previous ~= 0 then
      correct(window, {previous[1], 0, -previous[2], -previous[3], 0, 0, 0})
    end
    add(window, window[1], requests, held, images)
  end
  if requests > 0 then
    for n = 1, counter_count do
      local key = KEYS[window_count + n]
      counters[n] = redis.call('INCRBY', key, requests)
      if counters[n] == requests then
        redis.call('EXPIRE', key, keeps[n])
      end
    end
    for n = 1, running_count do
      redis.call('ZADD', running_key(n), now_ms + ask[12], id)
      redis.call('PEXPIRE', running_key(n), RUNNING_KEEP_MS)
      running_rooms[n] = running_rooms[n] - 1
    end
  end
  if money ~= 0 then
    local tenant, project, key = money[2], money[3], money[4]
    local set = 'tokenfab:held:{' .. tenant .. '}'
    if previous ~= 0 and redis.call('ZREM', set, previous[4]) == 1 then
      change_held(set .. ':sums', -previous[5], key, project)
    end
    local member = string.format('%s|%.0f|%s|%s', id, cost, key, project)
    redis.call('ZADD', set, now_ms + ask[12], member)
    change_held(set .. ':sums', cost, key, project)
    if redis.call('ZCARD', set) == 1 then
      redis.call('SADD', 'tokenfab:money:open', tenant)
    end
  end
end

local tightest, left, ratio = {0, 0}, {0, 0}, {2, 2}
local function look(kind, limit, room)
  local share = amounts[limit] > 0 and room / amounts[limit] or 0
  if share < ratio[kind] then
    tightest[kind], left[kind], ratio[kind] = limit, max(0, room), share
  end
end
for n = 1, window_count do
  for kind = 1, 2 do
    local limit = 3 * (n - 1) + kind
    if amounts[limit] >= 0 then
      look(kind, limit, amounts[limit] - windows[n][SUM + kind])
    end
  end
end
for n = 1, counter_count do
  look(1, first_counter + n, amounts[first_counter + n] - counters[n])
end

-- How many free places one process may keep; nil: near a limit, or missed by somebody.
local function lend()
  local places = PLACES_MAX
  for n = 1, running_count do
    if running_rooms[n] < 8 * processes then
      return nil
    end
    places = min(places, floor(running_rooms[n] / (4 * processes)))
  end
  for n = 1, running_count do
    if (redis.call('GET', running_key(n) .. ':wanted') or 0) - now_ms > 0 then
      return nil
    end
  end
  return places
end

-- A slice, where there is so much left that nobody will miss it.
local function grant()
  local places = lend()
  if not places then
    return nil
  end
  local slice = {wanted[1], wanted[2], wanted[3], places}
  local largest = {1, wanted[4], wanted[5]}
  local function limit_slice(kind, room)
    if room < 8 * processes * largest[kind] then
      slice[1] = 0
    else
      slice[kind] = min(slice[kind], floor(room / (4 * processes)))
    end
  end
  for n = 1, window_count do
    if windows[n][WANTED_UNTIL] > now_ms then
      return nil
    end
    for kind = 1, 3 do
      local limit = amounts[3 * (n - 1) + kind]
      if limit >= 0 then
        limit_slice(kind, limit - windows[n][SUM + kind])
      end
    end
  end
  for n = 1, counter_count do
    limit_slice(1, amounts[first_counter + n] - counters[n])
  end
  local is_useful = slice[1] > 1 and slice[2] >= wanted[4] and slice[3] >= wanted[5]
  return is_useful and slice or nil
end

local slice = refused_by == 0 and wanted ~= 0 and grant() or nil
local slice_bucket = floor((now_ms + SLICE_MS) / BUCKET_MS)
if slice then
  for n = 1, window_count do
    local window = windows[n]
    add(window, slice_bucket, slice[1], slice[2], slice[3])
    for kind = 1, 3 do
      window[SLICED + kind] = window[SLICED + kind] + slice[kind]
    end
    window[SLICED_UNTIL] = max(window[SLICED_UNTIL], now_ms + SLICE_MS + GRACE_MS)
  end
  for n = 1, counter_count do
    redis.call('INCRBY', KEYS[window_count + n], slice[1])
  end
  for n = 1, running_count do
    redis.call('SET', running_key(n) .. ':lent', now_ms + SLICE_MS + GRACE_MS,
      'PX', RUNNING_KEEP_MS)
  end
end
for n = 1, window_count do
  close_window(windows[n])
end

if refused_by == 0 then
  local answer = {1, now_ms, present, held, cost, tightest[1], left[1], tightest[2], left[2]}
  if slice then
    answer[10], answer[11], answer[12] = slice[1], slice[2], slice[3]
    answer[13], answer[14] = slice_bucket, slice[4]
  end
  return answer
end
local resets = {0, 0}
for kind = 1, 2 do
  local limit = tightest[kind]
  if limit > 0 and limit <= first_counter then
    resets[kind] = reset_ms(windows[floor((limit - 1) / 3) + 1], kind)
  end
end
return {
  is_sliced and 3 or 0, now_ms, refused_by, max(0, longest_ms), available,
  tightest[1], left[1], resets[1], tightest[2], left[2], resets[2],
}
