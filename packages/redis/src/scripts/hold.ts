import { GET, LEASE_ENDED } from './prelude.ts';

/**
 * Takes or renews a lease or a role: at most one holder.
 *
 * A role must be had also when memory is full: who holds none applies no invalidations. A lease need not be, since
 * the fill that it waits for is refused as well.
 *
 * KEYS: 1 lease. ARGV: 1 holder, 2 ttl ms, 3 although memory is full? (0/1). Returns: 1 when held, else 0.
 */
export const HOLD = `${GET}
local holder = get(KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
-- Redis refuses to grow only before a script's first write.
if ARGV[3] == '1' then redis.call('PERSIST', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`;

/**
 * Gives a lease or a role back, if it is still the caller's.
 *
 * KEYS: 1 lease. ARGV: 1 holder. Returns: nothing of interest.
 */
export const LET_GO = `${GET}${LEASE_ENDED}
if get(KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
  lease_ended(KEYS[1])
end
return 0
`;
