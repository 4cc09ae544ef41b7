-- Shared by the scripts that put writes into a stream; put before them.
-- A write's place in the stream is its sequence: the clock's microseconds, or one more than the last one where that is not more. So it
-- grows for ever, also after a server came back empty, and where the clock was set back.

local lasts, clock = {}, nil

local function append(stream, ...)
  local sequence
  if lasts[stream] then
    sequence = lasts[stream] + 1
  else
    clock = clock or redis.call('TIME')
    sequence = clock[1] * 1000000 + clock[2]
  end
  local done = redis.pcall('XADD', stream, string.format('%.0f-0', sequence), ...)
  if type(done) == 'table' and done.err then
    if not done.err:find('equal or smaller', 1, true) then error(done) end
    local info = redis.call('XINFO', 'STREAM', stream)
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' then sequence = tonumber(info[i + 1]:match('^%d+')) + 1 end
    end
    redis.call('XADD', stream, string.format('%.0f-0', sequence), ...)
  end
  lasts[stream] = sequence
  return sequence
end
