-- Attempts that take no slot any more, although they may reach the server late, or once more: the
-- tokens of slots that were released, and 'token:denied' of attempts that were denied. A sorted set
-- beside the slots, in the same Cluster slot, by the µs until which each is remembered. It is not
-- among KEYS: while a Cluster slot moves, a call with two keys is refused (TRYAGAIN) where only one
-- of them is there. What is refused here is not remembered, and changes no decision.

local function remembered(key, name)
  return type(redis.pcall('ZSCORE', key .. ':released', name)) == 'string'
end

local function remember(key, name, life)
  local released = key .. ':released'
  if type(redis.pcall('ZADD', released, 'GT', now + life, name)) == 'table' then return end
  command('ZREMRANGEBYSCORE', released, '-inf', now)
  command('PEXPIRE', released, most(command('PTTL', released), ttl(now + life)))
end
