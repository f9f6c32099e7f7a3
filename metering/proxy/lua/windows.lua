-- Sliding windows. Part of hold.lua and settle.lua, which it precedes in one script.
--
-- A window is one string: a head, and a ring of slots. A slot has the requests, tokens
-- and images of a quarter of a second. The present quarter and the 240 before it count:
-- never more than the limit in any 60 seconds, at the price of a quarter of a second of
-- caution. Slots of the next half second may hold slices, which are spent later than
-- they are granted. The rules are those of metering/domain/limits.py, tested together.
--
-- Head, twelve doubles: present bucket; sums of requests, tokens, images; the same of the
-- present bucket, whose slot is behind; the same of slices that are out; until when
-- those are out; until when no slice is granted (milliseconds).
local BUCKET_MS, WINDOW, AHEAD, RING = 250, 240, 2, 256
local HEAD_BYTES, SLOT_BYTES = 96, 24
local HEAD, SLOT = '<dddddddddddd', '<ddd'
local KEEP_MS = 62000
local SUM, PRESENT, SLICED, SLICED_UNTIL, WANTED_UNTIL = 1, 4, 7, 11, 12

local call, pack, unpack_struct = redis.call, struct.pack, struct.unpack
local min, max, floor = math.min, math.max, math.floor

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + floor(time[2] / 1000)
local present = floor(now_ms / BUCKET_MS)

local function offset_of(bucket)
  return HEAD_BYTES + (bucket % RING) * SLOT_BYTES
end

local function read_slot(window, bucket)
  local offset = offset_of(bucket)
  local bytes = call('GETRANGE', window.key, offset, offset + SLOT_BYTES - 1)
  if #bytes < SLOT_BYTES then
    return 0, 0, 0
  end
  local requests, tokens, images = unpack_struct(SLOT, bytes)
  return requests, tokens, images
end

local function drop_slots(window, first, count)
  local offset = HEAD_BYTES + first * SLOT_BYTES
  local bytes = call('GETRANGE', window.key, offset, offset + count * SLOT_BYTES - 1)
  local is_empty = true
  for at = 1, #bytes, SLOT_BYTES do
    local requests, tokens, images = unpack_struct(SLOT, bytes, at)
    if requests ~= 0 or tokens ~= 0 or images ~= 0 then
      is_empty = false
      window[2] = window[2] - requests
      window[3] = window[3] - tokens
      window[4] = window[4] - images
    end
  end
  if not is_empty then
    call('SETRANGE', window.key, offset, string.rep('\0', #bytes))
  end
end

-- Moves the window to the present; what has left it leaves the sums.
local function advance(window)
  local before = window[1]
  local gap = present - before
  if gap > WINDOW + AHEAD then
    call('DEL', window.key)
    for n = 2, 12 do
      window[n] = 0
    end
  else
    call('SETRANGE', window.key, offset_of(before),
      pack(SLOT, window[5], window[6], window[7]))
    local first = (before - WINDOW) % RING
    local count = min(gap, RING - first)
    drop_slots(window, first, count)
    if gap > count then
      drop_slots(window, 0, gap - count)
    end
    window[5], window[6], window[7] = read_slot(window, present)
  end
  window[1] = present
  window.has_moved = true
end

local function open_window(key)
  local bytes = call('GETRANGE', key, 0, HEAD_BYTES - 1)
  local window
  if #bytes < HEAD_BYTES then
    window = {present, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
    window.has_moved = true
  else
    window = {unpack_struct(HEAD, bytes)}
  end
  window.key = key
  if present > window[1] then
    advance(window)
  end
  if now_ms > window[SLICED_UNTIL] then  -- their processes died
    window[8], window[9], window[10] = 0, 0, 0
  end
  return window
end

local function close_window(window)
  call('SETRANGE', window.key, 0, pack(HEAD, unpack(window, 1, 12)))
  if window.has_moved then
    call('PEXPIRE', window.key, KEEP_MS)
  end
end

-- Never below nothing: what is given back may have been lost with the store.
local function add(window, bucket, requests, tokens, images)
  if bucket == window[1] then
    local r = max(0, window[5] + requests)
    local t = max(0, window[6] + tokens)
    local i = max(0, window[7] + images)
    window[2] = window[2] + r - window[5]
    window[3] = window[3] + t - window[6]
    window[4] = window[4] + i - window[7]
    window[5], window[6], window[7] = r, t, i
  else
    local old_r, old_t, old_i = read_slot(window, bucket)
    local r, t = max(0, old_r + requests), max(0, old_t + tokens)
    local i = max(0, old_i + images)
    window[2] = window[2] + r - old_r
    window[3] = window[3] + t - old_t
    window[4] = window[4] + i - old_i
    call('SETRANGE', window.key, offset_of(bucket), pack(SLOT, r, t, i))
  end
end

local function holds(window, bucket)
  return bucket >= window[1] - WINDOW and bucket <= window[1] + AHEAD
end

-- A correction: bucket; what to add to it; or, when it has left the window, what to add
-- to the present (each requests, tokens, images).
local function correct(window, entry)
  if holds(window, entry[1]) then
    add(window, entry[1], entry[2], entry[3], entry[4])
  else
    add(window, window[1], entry[5], entry[6], entry[7])
  end
end

-- A slice comes back: its bucket; what was granted; what of it was used.
local function take_back(window, slice)
  correct(window, {slice[1], -slice[2], -slice[3], -slice[4], 0, 0, 0})
  add(window, window[1], slice[5], slice[6], slice[7])
  for kind = 1, 3 do
    window[SLICED + kind] = max(0, window[SLICED + kind] - slice[1 + kind])
  end
end

-- All slots at once, for who is refused: one by one they cost several times as much.
local function ring_of(window)
  if not window.ring then
    local bytes = call('GET', window.key) or ''
    local missing = HEAD_BYTES + RING * SLOT_BYTES - #bytes
    window.ring = {unpack_struct(
      '<' .. string.rep('d', 3 * RING), bytes .. string.rep('\0', missing), HEAD_BYTES + 1)}
    for kind = 1, 3 do
      window.ring[window[1] % RING * 3 + kind] = window[PRESENT + kind]
    end
  end
  return window.ring
end

local function leaves_in_ms(bucket)
  return (bucket + WINDOW + 1) * BUCKET_MS - now_ms
end

-- Milliseconds until `needed` of a kind have left the window.
local function wait_ms(window, kind, needed)
  local ring, last = ring_of(window), window[1] + AHEAD
  local at = (window[1] - WINDOW) % RING * 3 + kind
  for bucket = window[1] - WINDOW, last do
    needed = needed - ring[at]
    if needed <= 0 then
      return leaves_in_ms(bucket)
    end
    at = at + 3
    if at > 3 * RING then
      at = kind
    end
  end
  return leaves_in_ms(last)
end

-- Milliseconds until nothing of a kind is in the window.
local function reset_ms(window, kind)
  local ring = ring_of(window)
  for bucket = window[1] + AHEAD, window[1] - WINDOW, -1 do
    if ring[bucket % RING * 3 + kind] > 0 then
      return leaves_in_ms(bucket)
    end
  end
  return 0
end
