-- One idempotency key: who runs its call, and what of the answer is kept.
--
-- KEYS[1]  hash, the record: digest (of the request), run (id of the call that works or
--          worked), state (running | sealed | done), lease (ms: until then its process
--          is believed alive), suspected (ms: first seen with a lease that ran out),
--          headers, is_stream, released (bytes of the answer that may be shown before
--          its usage event is durable), event (the encoded usage event), unkept
-- KEYS[2]  string, the answer as it left
-- KEYS[3]  hash, what the tenant keeps: "<hour>:keys" and "<hour>:bytes" -> amount
--
-- claim:   ARGV digest, run, offset, joined run (or ""), lease ms, grace ms,
--          keep seconds, keys at most
--          -> {verdict, run, headers, is_stream, answer from offset, event}; verdicts:
--          run      the caller is to work, under `run`
--          running  another works; poll again
--          sealed   its process died between the seal and the end: make `event`
--                   durable, then say `done`
--          done | unkept | other (digest) | full (too many keys) | gone (another run
--          began after the caller had joined the one before)
-- store:   ARGV digest, run, offset, lease ms, keep seconds, bytes at most of the
--          tenant, drop (1: do not keep the answer), headers, is_stream, data, event
--          (or ""), released; a store with an event or with `released` >= 0 seals
--          -> {1, bytes stored} | {0} another runs it | {2, bytes stored}: `offset` does
--          not meet what is stored, send from there | {3} the answer is not kept
-- done, release, leave: ARGV run
local HOUR_MS = 3600000
local KEPT_HOURS = 24

local record, answer, tenant = KEYS[1], KEYS[2], KEYS[3]
local verb = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function count(what, amount)
  local hour = math.floor(now / HOUR_MS)
  redis.call('HINCRBY', tenant, hour .. ':' .. what, amount)
  redis.call('EXPIRE', tenant, (KEPT_HOURS + 1) * 3600)
end

local function counted(what)
  local sum, oldest = 0, math.floor(now / HOUR_MS) - KEPT_HOURS
  local all = redis.call('HGETALL', tenant)
  for i = 1, #all, 2 do
    local hour, name = string.match(all[i], '^(%d+):(%a+)$')
    if tonumber(hour) < oldest then
      redis.call('HDEL', tenant, all[i])
    elseif name == what then
      sum = sum + tonumber(all[i + 1])
    end
  end
  return sum
end

local function begin(digest, run, lease_ms, keep_seconds)
  redis.call('DEL', record, answer)
  redis.call('HSET', record, 'digest', digest, 'run', run, 'state', 'running',
    'lease', now + lease_ms)
  redis.call('EXPIRE', record, keep_seconds)
end

local function drop_answer()
  local length = redis.call('STRLEN', answer)
  redis.call('HSET', record, 'unkept', '1')
  redis.call('DEL', answer)
  if length > 0 then
    count('bytes', -length)
  end
end

local function claim(digest, run, offset, joined, lease_ms, grace_ms, keep, keys_max)
  local found = redis.call('HMGET', record, 'digest', 'run', 'state', 'lease',
    'suspected', 'headers', 'is_stream', 'released', 'event', 'unkept')
  local owner, state = found[2], found[3]
  if joined ~= '' and owner ~= joined then
    return {'gone'}
  end
  if not owner then
    if counted('keys') >= keys_max then
      return {'full'}
    end
    count('keys', 1)
    begin(digest, run, lease_ms, keep)
    return {'run', run}
  end
  if found[1] ~= digest then
    return {'other', owner}
  end
  local is_expired = state ~= 'done' and tonumber(found[4]) < now
  if is_expired and state == 'running' then
    -- Its process may be alive and only Valkey have been away: it gets time to say so.
    if not found[5] then
      redis.call('HSET', record, 'suspected', now)
    elseif tonumber(found[5]) + grace_ms <= now then
      if joined ~= '' then
        return {'gone'}
      end
      begin(digest, run, lease_ms, keep)
      return {'run', run}
    end
  end
  if found[10] and state ~= 'running' then
    return {'unkept', owner}
  end
  local headers, is_stream = found[6] or '', tonumber(found[7] or 0)
  if is_expired and state == 'sealed' then
    redis.call('HSET', record, 'lease', now + lease_ms)
    return {'sealed', owner, headers, is_stream, '', found[9]}
  end
  if found[10] then
    return {'unkept', owner}
  end
  local till = -1
  if state == 'sealed' then
    till = tonumber(found[8]) - 1
  end
  local data = ''
  if till >= offset or till == -1 and state ~= 'sealed' then
    data = redis.call('GETRANGE', answer, offset, till)
  end
  local verdict = state == 'done' and 'done' or 'running'
  return {verdict, owner, headers, is_stream, data, ''}
end

local function store(digest, run, offset, lease_ms, keep, bytes_max, drop, headers,
    is_stream, data, event, released)
  local owner = redis.call('HGET', record, 'run')
  if not owner then -- Valkey came back without it
    count('keys', 1)
    begin(digest, run, lease_ms, keep)
  elseif owner ~= run then
    return {0}
  end
  redis.call('HDEL', record, 'suspected')
  redis.call('HSET', record, 'lease', now + lease_ms, 'headers', headers,
    'is_stream', is_stream)
  local is_unkept = redis.call('HEXISTS', record, 'unkept') == 1
  if drop and not is_unkept then
    drop_answer()
    is_unkept = true
  end
  local length = redis.call('STRLEN', answer)
  if not is_unkept then
    if length ~= offset then
      return {2, length}
    end
    if #data > 0 then
      if counted('bytes') + #data > bytes_max then
        drop_answer()
        is_unkept = true
      else
        length = redis.call('APPEND', answer, data)
        redis.call('PEXPIRE', answer, redis.call('PTTL', record))
        count('bytes', #data)
      end
    end
  end
  if released >= 0 and redis.call('HGET', record, 'state') == 'running' then
    redis.call('HSET', record, 'state', 'sealed', 'event', event, 'released', released)
  end
  if is_unkept then
    return {3}
  end
  return {1, length}
end

if verb == 'claim' then
  return claim(ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6]),
    tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]))
end
if verb == 'store' then
  return store(ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]),
    tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1', ARGV[9], ARGV[10], ARGV[11],
    ARGV[12], tonumber(ARGV[13]))
end
if redis.call('HGET', record, 'run') ~= ARGV[2] then
  return {0}
end
if verb == 'done' then
  redis.call('HSET', record, 'state', 'done')
  redis.call('HDEL', record, 'event', 'suspected')
elseif verb == 'leave' then
  redis.call('HSET', record, 'lease', 0)
elseif verb == 'release' then
  local length = redis.call('STRLEN', answer)
  count('keys', -1)
  count('bytes', -length)
  redis.call('DEL', record, answer)
end
return {1}
