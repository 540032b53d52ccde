/**
 * Replaces what a node said that it reads most, and forgets nodes that were silent for too long, or are too many.
 *
 * KEYS: 1 the node's report (a hash of pages), 2 when nodes reported (a sorted set).
 * ARGV: 1 node, 2 life ms, 3 nodes at most, then the pages. Returns: nothing of interest.
 */
export const REPORT = `
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
redis.call('DEL', KEYS[1])
for page = 4, #ARGV do redis.call('HSET', KEYS[1], page - 4, ARGV[page]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
-- Something else may lie there: it is in the way.
if type(redis.pcall('ZADD', KEYS[2], now, ARGV[1])) == 'table' then
  redis.call('DEL', KEYS[2])
  redis.call('ZADD', KEYS[2], now, ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. string.format('%.0f', now - tonumber(ARGV[2])))
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[3]))
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 0
`;
