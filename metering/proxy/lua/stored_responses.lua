-- One answer of /v1/responses that is kept.
--
-- KEYS[1]  hash: document (JSON), status (background ones only), lease (ms: until then
--          its process is believed to work on it), input (JSON: all that it answers)
-- KEYS[2]  hash, bytes that the tenant keeps: hour -> amount
-- keep:    ARGV document, keep seconds, bytes at most, input -> 1 | 0 no room
-- begin:   ARGV as keep, lease ms -> 1 | 0 no room
-- tick:    ARGV status, lease ms -> 1 | 0 cancelled or deleted
-- finish:  ARGV status, document, keep seconds -> 1 | 0 cancelled or deleted
-- read:    -> {status or "", document} | {}
-- recall:  -> {status or "", document, input} | {}
-- cancel:  as read, and afterwards it is cancelled if it ran
-- remove:  -> how many there were
local HOUR_MS = 3600000

local verb, record, tenant = ARGV[1], KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local hour = math.floor(now / HOUR_MS)

-- An hour's bytes are counted until the next hour is over: what is kept, and a little more.
local function has_room(bytes, bytes_max)
  local sum = bytes
  local all = redis.call('HGETALL', tenant)
  for i = 1, #all, 2 do
    if tonumber(all[i]) < hour - 1 then
      redis.call('HDEL', tenant, all[i])
    else
      sum = sum + tonumber(all[i + 1])
    end
  end
  return sum <= bytes_max
end

local function count(bytes)
  redis.call('HINCRBY', tenant, hour, bytes)
  redis.call('EXPIRE', tenant, 2 * HOUR_MS / 1000)
end

local function runs(status)
  return status == 'queued' or status == 'in_progress'
end

local function read()
  local found = redis.call('HMGET', record, 'status', 'document', 'lease', 'input')
  if not found[2] then
    return {}
  end
  local status = found[1] or ''
  if runs(status) and tonumber(found[3]) < now then
    status = 'failed'
  end
  if verb == 'recall' then
    return {status, found[2], found[4] or ''}
  end
  return {status, found[2]}
end

if verb == 'keep' or verb == 'begin' then
  local bytes = #ARGV[2] + #ARGV[5]
  if not has_room(bytes, tonumber(ARGV[4])) then
    return 0
  end
  count(bytes)
  redis.call('DEL', record)
  redis.call('HSET', record, 'document', ARGV[2], 'input', ARGV[5])
  if verb == 'begin' then
    redis.call('HSET', record, 'status', 'queued', 'lease', now + ARGV[6])
  end
  redis.call('EXPIRE', record, ARGV[3])
  return 1
end
if verb == 'tick' or verb == 'finish' then
  if not runs(redis.call('HGET', record, 'status')) then
    return 0
  end
  if verb == 'tick' then
    redis.call('HSET', record, 'status', ARGV[2], 'lease', now + ARGV[3])
  else
    count(#ARGV[3])
    redis.call('HSET', record, 'status', ARGV[2], 'document', ARGV[3])
    redis.call('EXPIRE', record, ARGV[4])
  end
  return 1
end
if verb == 'cancel' then
  local found = read()
  if found[1] and runs(found[1]) then
    redis.call('HSET', record, 'status', 'cancelled')
    found[1] = 'cancelled'
  end
  return found
end
if verb == 'remove' then
  return redis.call('DEL', record)
end
return read()
