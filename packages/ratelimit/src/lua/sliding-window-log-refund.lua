-- The refund of slidingWindow. A script that only decides does not contain it.
-- cost: O(log n) in the requests of the window
-- needs common.lua, kinds.lua, sliding-window-log.lua

kinds.log.refund = function(key, window, b, mark, token, charged)
  local entry = token .. ':' .. format('%.0f', charged)
  local at = tonumber(command('ZSCORE', key, entry) or 0)
  if at <= now - window or at < 1 then
    return false, 0
  end
  command('ZREM', key, entry)
  command('ZADD', key, now / REFUNDED, entry)
  command('ZINCRBY', key, charged, 'used')
  local newest = command('ZRANGE', key, -1, -1, 'WITHSCORES')
  command('ZADD', key, -newest[2], 'newest')
  return true, 0
end
