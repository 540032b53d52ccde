import { sleep } from '../runtime/sleep.ts';
import type { L2Reader } from './l2-reader.ts';
import type { Miss } from './miss.ts';
import type { ResolvedOptions } from './options.ts';
import type { ServedResult } from './read-result.ts';
import type { StoreFiller } from './store-filler.ts';

const POLL_FIRST_MS = 4;
const POLL_MAX_MS = 64;

/**
 * Another process loads the key: waits for its fill, its lease, or until it took too long.
 *
 * @returns its value; or whether the lease is now held by `token`
 */
export async function awaitFill(
  { runtime, leaseWaitMs, telemetry }: ResolvedOptions<unknown, unknown>,
  l2: L2Reader,
  filler: StoreFiller,
  miss: Miss,
  token: string,
): Promise<ServedResult | boolean> {
  const beganMs = runtime.monoMs();
  let outcome: ServedResult | boolean = false;
  for (let pollMs = POLL_FIRST_MS; runtime.monoMs() - beganMs < leaseWaitMs;) {
    await sleep(runtime, pollMs);
    pollMs = Math.min(POLL_MAX_MS, pollMs * 2);
    const answer = await l2.ask(miss);
    if (!answer) break;
    const found = l2.judge(miss, answer, 'eventual');
    if (typeof found === 'object') {
      outcome = found;
      break;
    }
    if (await filler.lease(miss.key, token)) {
      outcome = true;
      break;
    }
  }
  telemetry.record({ type: 'lease-wait', keyspace: miss.keyspace.name, ms: runtime.monoMs() - beganMs });
  return outcome;
}
