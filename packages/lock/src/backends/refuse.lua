-- Remembers that a token was refused: a copy of its request that Redis gets late is not granted. A
-- server that is full can't.
local function refuse(receipt) redis.pcall('SET', receipt, '0', 'PX', RECEIPT_TTL) end
