import type { Store } from '@tidemark/core';
import { type FilledCopy, fillCopies, readMetas } from './fill-copies.ts';
import type { Origin, Prover } from './origin.ts';
import { NO_COUNTS, type Refusal, type WarmCounts } from './progress.ts';
import type { Copies } from './read-copies.ts';
import type { Throttle } from './throttle.ts';
import { WarmupError } from './warmup-error.ts';
import type { Work } from './work.ts';

export interface BatchParts {
  readonly store: Store;
  readonly prover: Prover | null;
  /** In the order in which they are asked. */
  readonly origins: readonly Origin[];
  /** Runs work of an origin; null when that is away. */
  readonly ask: <T>(origin: Origin, work: () => Promise<T>) => Promise<T | null>;
  readonly signal: AbortSignal;
  readonly throttle: Pick<Throttle, 'rest' | 'share'>;
}

/** Takes one batch through the origins: what one has not, or the store refuses of it, the next is asked for. */
export async function warmBatch(parts: BatchParts, work: Work): Promise<WarmCounts> {
  const { store, origins, ask, signal, throttle } = parts;
  const sum = { ...NO_COUNTS, keys: work.keys.length };
  const why = new Map<string, Refusal>();
  let rest: readonly string[] = work.keys;
  const take = (filled: readonly FilledCopy[], without: readonly string[]): void => {
    const left = [...without];
    for (const { value, verdict } of filled) {
      if (verdict === 'admitted') {
        sum.filled += 1;
        sum.bytes += value.data?.byteLength ?? 0;
      } else if (verdict === 'refilled') sum.there += 1;
      else {
        left.push(value.key);
        why.set(value.key, verdict);
      }
    }
    rest = left;
  };

  if (work.copies) {
    const { copies } = work;
    const known = new Set(copies.values.map(({ key }) => key));
    const without = work.keys.filter((key) => !known.has(key));
    await fillNow(parts, async () => ({ blocks: [copies], without }), take);
  }
  for (const origin of origins) {
    if (rest.length === 0) break;
    const asked = rest;
    if (origin.kind === 'copies') {
      await fillNow(parts, () => ask(origin, () => origin.read(asked)), take);
    } else {
      const loaded = await ask(origin, () => origin.load(asked, signal, throttle.share));
      if (!loaded) continue;
      sum.filled += loaded.filled;
      sum.there += loaded.there;
      rest = loaded.rest;
    }
  }
  const left = new Set(rest);
  const refused: Partial<Record<Refusal, number>> = {};
  for (const key of left) refused[why.get(key) ?? 'absent'] = (refused[why.get(key) ?? 'absent'] ?? 0) + 1;
  let [reads, readsCovered] = [0, 0];
  work.reads.forEach((each, i) => {
    reads += each;
    if (!left.has(work.keys[i]!)) readsCovered += each;
  });
  if (sum.keys === left.size && (await readMetas(store)).every((meta) => meta === null)) {
    throw new WarmupError(
      'the region has no state: its Redis is new or was emptied, and no applier has set it up yet',
    );
  }
  return { ...sum, refused, reads, readsCovered };
}

/** State first, then the values, then the fills: in this order nothing that happens between goes unnoticed. */
async function fillNow(
  { store, prover, throttle, signal }: BatchParts,
  read: () => Promise<Copies | null>,
  take: (filled: readonly FilledCopy[], without: readonly string[]) => void,
): Promise<void> {
  const beganMs = performance.now();
  const metas = await readMetas(store);
  const copies = await read();
  if (copies) take(await fillCopies(store, metas, copies.blocks, prover), copies.without);
  await throttle.rest(performance.now() - beganMs, signal);
}
