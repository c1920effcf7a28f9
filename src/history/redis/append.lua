-- KEYS: stream, meta. ARGV: publisher, number, generation, fresh epoch, id, entry, messages, lifetime (ms).
-- Meta: e epoch, t top, m time of the top (ms), i its id, g generation, r renewed (ms), p… of each publisher.
local stream, meta = KEYS[1], KEYS[2]
local publisher = 'p' .. ARGV[1]
local state = redis.call('HMGET', meta, 'e', 't', 'm', 'g', 'r', publisher, 'i')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lifetime = tonumber(ARGV[8])
local epoch, top, last, renewed, before = state[1], 0, 0, 0, '0'
if epoch then
  top, last, renewed, before = tonumber(state[2]), tonumber(state[3]), tonumber(state[5]), state[7]
  if state[4] ~= ARGV[3] then
    epoch = ARGV[4]
    redis.call('HSET', meta, 'e', epoch, 'g', ARGV[3])
  end
  -- Tried before, on a connection that broke: what became of it?
  if state[6] and tonumber(ARGV[2]) <= tonumber(string.match(state[6], '^%d+')) then
    -- Near the top, and no longer ago than publishers are known.
    local from, oldest = '+', math.max(0, now - 60000)
    while true do
      local chunk = redis.call('XREVRANGE', stream, from, oldest, 'COUNT', 32)
      if #chunk == 0 then return {epoch, 0} end
      for _, row in ipairs(chunk) do
        if row[2][2] == ARGV[5] then return {epoch, tonumber(string.match(row[1], '%d+$'))} end
        from = '(' .. row[1]
      end
    end
  end
else
  epoch = ARGV[4]
  redis.call('DEL', stream, meta)
  redis.call('HSET', meta, 'e', epoch, 'g', ARGV[3])
end
local at = math.max(now, last)
local offset = top + 1
local place = at .. '-' .. offset
-- The id of the entry before, which may be gone when it is asked for what came after that: b.
local is_there = redis.call('XADD', stream, 'NOMKSTREAM', 'MAXLEN', ARGV[7], place, 'i', ARGV[5], 'd', ARGV[6], 'b', before)
if not is_there then
  redis.call('XADD', stream, 'MAXLEN', ARGV[7], place, 'i', ARGV[5], 'd', ARGV[6], 'b', before)
end
local is_due = not is_there or math.abs(now - renewed) >= lifetime / 8
if is_due then renewed = now end
redis.call('HSET', meta, 't', offset, 'm', at, 'i', ARGV[5], 'r', renewed, publisher, ARGV[2] .. ' ' .. now)
if is_due then
  redis.call('XTRIM', stream, 'MINID', now - lifetime)
  redis.call('PEXPIRE', stream, lifetime + math.ceil(lifetime / 4))
  redis.call('PEXPIRE', meta, lifetime + math.ceil(lifetime / 4))
  -- Those who added nothing for a minute try nothing again.
  local fields = redis.call('HGETALL', meta)
  for at = 1, #fields, 2 do
    local seen = string.match(fields[at + 1], '^%d+ (%d+)$')
    if seen and tonumber(seen) < now - 60000 then redis.call('HDEL', meta, fields[at]) end
  end
end
return {epoch, offset}
