import { PRELUDE } from './prelude.ts';

/**
 * Adds a value to the history of its key; equal to retainValue of the protocol.
 *
 * KEYS: 1 history.
 * ARGV: 1 era, 2 n, 3 schema, 4 negative? (0/1), 5 most values to keep, 6 life ms, 7 value.
 * Returns: nothing.
 */
export const RETAIN = `${PRELUDE}
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
local flags = 0
if ARGV[4] == '1' then flags = 2 end
redis.call('HSET', KEYS[1], ARGV[1] .. '.' .. ARGV[2],
  struct.pack('>BBBBdd', 213, 1, flags, 0, tonumber(ARGV[3]), now_ms()) .. ARGV[7])
local versions, newest = {}, 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local era, n = string.match(field, '^(%d+)%.(%d+)$')
  if era then
    local version = { field = field, era = tonumber(era), n = tonumber(n) }
    if version.era > newest then newest = version.era end
    table.insert(versions, version)
  else
    redis.call('HDEL', KEYS[1], field)
  end
end
table.sort(versions, function(a, b) return before(b.era, b.n, a.era, a.n) end)
for i, version in ipairs(versions) do
  if version.era < newest or i > tonumber(ARGV[5]) then redis.call('HDEL', KEYS[1], version.field) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
`;
