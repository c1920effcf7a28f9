-- KEYS: stream, meta. ARGV: generation, fresh epoch, lifetime (ms), limit, bytes, epoch and offset or two empty texts.
-- Answers epoch, top, id of the top, place and id of one entry more or nothing, and entries, the newest first.
local stream, meta = KEYS[1], KEYS[2]
local state = redis.call('HMGET', meta, 'e', 't', 'i', 'g', 'r')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lifetime = tonumber(ARGV[3])
local epoch, top, id, renewed = state[1], 0, '0', 0
if epoch then
  top, id, renewed = tonumber(state[2]), state[3], tonumber(state[5])
  if state[4] ~= ARGV[1] then
    epoch = ARGV[2]
    redis.call('HSET', meta, 'e', epoch, 'g', ARGV[1])
  end
else
  epoch = ARGV[2]
  redis.call('DEL', stream, meta)
  redis.call('HSET', meta, 'e', epoch, 't', 0, 'm', 0, 'i', id, 'g', ARGV[1], 'r', 0)
end
if math.abs(now - renewed) >= lifetime / 8 then
  -- A server without memory refuses it, and can be read.
  redis.pcall('HSET', meta, 'r', now)
  redis.call('PEXPIRE', stream, lifetime + math.ceil(lifetime / 4))
  redis.call('PEXPIRE', meta, lifetime + math.ceil(lifetime / 4))
end
-- One more: the entry that is asked after, or a sign that there are older ones.
local wanted = tonumber(ARGV[4]) + 1
local is_behind = ARGV[6] ~= ''
if is_behind then
  local missed = top - tonumber(ARGV[7])
  local fits = ARGV[6] == epoch and missed >= 0 and missed < wanted
  wanted = fits and missed + 1 or 0
end
local rows, extra, bytes = {}, {}, 0
local from, oldest = '+', now - lifetime
while wanted > 0 do
  local chunk = redis.call('XREVRANGE', stream, from, oldest, 'COUNT', math.min(wanted, 32))
  if #chunk == 0 then break end
  for _, row in ipairs(chunk) do
    wanted = wanted - 1
    bytes = bytes + #row[2][4]
    local offset = tonumber(string.match(row[1], '%d+$'))
    if wanted == 0 or bytes > tonumber(ARGV[5]) then
      extra = {offset, row[2][2]}
      if wanted > 0 and is_behind then rows, extra = {}, {} end
      wanted = 0
      break
    end
    rows[#rows + 1] = {offset, row[2][2], row[2][4]}
    if is_behind then extra = {offset - 1, row[2][6]} end
    from = '(' .. row[1]
  end
end
return {epoch, top, id, extra, rows}
