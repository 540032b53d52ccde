import type { L1Cache } from './l1-cache.ts';
import type { L2Reader } from './l2-reader.ts';
import type { Miss } from './miss.ts';
import type { ResolvedOptions } from './options.ts';

/** Takes what the store has of these keys into L1; never loads. Returns how many L1 has then. */
export async function preload(
  options: ResolvedOptions<unknown, unknown>,
  l1: L1Cache,
  l2: L2Reader,
  keys: readonly string[],
): Promise<number> {
  const misses = keys.flatMap((key): Miss[] => {
    const keyspace = options.keyspaceOf(key);
    const params = keyspace?.params(key);
    return keyspace && params ? [{ keyspace, params, key, ticket: l1.ticket() }] : [];
  });
  const answers = await l2.askMany(misses);
  misses.forEach((miss, i) => answers[i] && l2.judge(miss, answers[i], 'eventual'));
  return misses.filter(({ key }) => l1.peek(key) !== undefined).length;
}
