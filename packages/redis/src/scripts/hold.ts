import { GET, LEASE_ENDED } from './prelude.ts';

/**
 * Takes or renews a lease or a role: at most one holder.
 *
 * KEYS: 1 lease. ARGV: 1 holder, 2 ttl ms. Returns: 1 when held, else 0.
 */
export const HOLD = `${GET}
local holder = get(KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
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
