import type { CacheConsistency } from './consistency.ts';
import type { L2Reader } from './l2-reader.ts';
import type { LeaseEnds } from './lease-ends.ts';
import type { Miss } from './miss.ts';
import type { ResolvedOptions } from './options.ts';
import type { ServedResult } from './read-result.ts';
import type { StoreFiller } from './store-filler.ts';

const POLL_FIRST_MS = 4;
const POLL_MAX_MS = 64;
/** Between questions when the store tells of the end: nobody tells of a lease that expires, or of a lost word. */
const TOLD_POLL_MS = 250;

interface Parts {
  readonly options: ResolvedOptions<unknown, unknown>;
  readonly l2: L2Reader;
  readonly filler: StoreFiller;
  readonly ends: LeaseEnds;
}

/** What a waiter takes. */
export interface WaitTerms {
  readonly consistency: CacheConsistency;
  /** Whether a value past its TTL is not what is waited for. */
  readonly fresh: boolean;
}

/**
 * Another process loads the key: waits for its fill, its lease, or until it took too long.
 *
 * @returns its value; or whether the lease is now held by `token`
 */
export function awaitFill(
  parts: Parts,
  miss: Miss,
  token: string,
  terms: WaitTerms,
): Promise<ServedResult | boolean> {
  const about = { 'tidemark.keyspace': miss.keyspace.name, 'tidemark.key': miss.key };
  return parts.options.telemetry.trace('tidemark.lease_wait', about, undefined, () =>
    wait(parts, miss, token, terms),
  );
}

async function wait(
  { options: { runtime, leaseWaitMs, telemetry }, l2, filler, ends }: Parts,
  miss: Miss,
  token: string,
  { consistency, fresh }: WaitTerms,
): Promise<ServedResult | boolean> {
  const beganMs = runtime.monoMs();
  const look = async (): Promise<ServedResult | 'away' | null> => {
    const answer = await l2.ask(miss);
    if (!answer) return 'away';
    const found = l2.judge(miss, answer, consistency);
    return typeof found === 'object' && !(fresh && found.why === 'stale') ? found : null;
  };
  const end = await ends.watch(miss.key);
  let outcome: ServedResult | boolean = false;
  try {
    // Asked once before the first wait: the lease may have ended before it was watched.
    let pollMs = end.told ? 0 : POLL_FIRST_MS;
    for (;;) {
      const leftMs = leaseWaitMs - (runtime.monoMs() - beganMs);
      if (leftMs <= 0) break;
      if (pollMs > 0) await end.next(Math.min(leftMs, pollMs));
      pollMs = end.told ? TOLD_POLL_MS : Math.min(POLL_MAX_MS, pollMs * 2);
      const found = await look();
      if (found === 'away') break;
      if (found) {
        outcome = found;
        break;
      }
      const word = await filler.lease(miss.key, token);
      if (word === 'held') continue;
      outcome = word === 'granted';
      // It may be free because its holder filled after the look.
      const since = outcome && (await look());
      if (typeof since === 'object' && since) {
        outcome = since;
        await filler.release(miss.key, token);
      }
      break;
    }
  } finally {
    end.stop();
  }
  telemetry.record({ type: 'lease-wait', keyspace: miss.keyspace.name, ms: runtime.monoMs() - beganMs });
  return outcome;
}
