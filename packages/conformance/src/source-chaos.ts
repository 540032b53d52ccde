import type { Invalidation, Position, SourceOfTruth } from '@tidemark/core';
import { choices, Floors, type SourceHarness } from './source-harness.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly writers: number;
  readonly transactionsPerWriter: number;
  /** Prefix of the keys, so that runs don't meet. */
  readonly keyspace: string;
}

export interface ChaosReport {
  readonly polls: number;
  readonly committed: number;
  /** What a poll should have brought and did not. */
  readonly lost: readonly string[];
}

const KEYS = 8;
const PAUSE_MS_MAX = 12;

/**
 * Writers that overlap, linger, abort and commit out of order, and a reader that polls from horizon to
 * horizon. Every poll must bring whatever was acknowledged before it began (that is what a barrier says),
 * and, in the end, nothing may be lost.
 */
export async function sourceChaos<Tx>(
  harness: SourceHarness<Tx>,
  options: ChaosOptions,
): Promise<ChaosReport> {
  const { source } = harness;
  const acknowledged: Invalidation[] = [];
  const lost: string[] = [];
  const floors = new Floors();
  let polls = 0;
  let horizon: Position = (await source.changes(null, { limit: 1_000 })).horizon;

  async function poll(limit: number): Promise<void> {
    const due = acknowledged.slice();
    let page = await source.changes(horizon, { limit });
    const to = page.horizon;
    floors.raise(page.changes);
    while (page.next) {
      page = await source.changes(horizon, { limit, after: page.next });
      floors.raise(page.changes);
    }
    horizon = to;
    polls += 1;
    for (const { key, version } of floors.missing(due))
      lost.push(`poll ${polls} to ${to.xid}: ${key} at ${version.n}`);
  }

  let writing = true;
  const writers = Array.from({ length: options.writers }, (_, index) =>
    chaosWriter(harness, source, options, index, (invalidations) => acknowledged.push(...invalidations)),
  );
  const done = Promise.all(writers).finally(() => {
    writing = false;
  });
  const random = choices(options.seed);
  while (writing) {
    await poll(random() < 0.5 ? 2 : 1_000);
    await pause(random() * 4);
  }
  await done;
  await poll(3);
  return { polls, committed: acknowledged.length, lost };
}

async function chaosWriter<Tx>(
  harness: SourceHarness<Tx>,
  source: SourceOfTruth<unknown, Tx>,
  { seed, transactionsPerWriter, keyspace }: ChaosOptions,
  index: number,
  acknowledge: (invalidations: readonly Invalidation[]) => void,
): Promise<void> {
  const random = choices(seed * 1_000 + index);
  const aborted = new Error('aborted on purpose');
  for (let count = 0; count < transactionsPerWriter; count += 1) {
    const keys = Array.from(
      { length: 1 + Math.floor(random() * 3) },
      () => `${keyspace}:${Math.floor(random() * KEYS)}`,
    );
    const [early, lingers, aborts] = [random() < 0.6, random() < 0.5, random() < 0.25];
    try {
      const { invalidations } = await source.transaction(async (tx, bump) => {
        if (early) await harness.write(tx);
        if (lingers) await pause(random() * PAUSE_MS_MAX);
        for (const key of keys) bump(key);
        if (aborts) throw aborted;
      });
      acknowledge(invalidations);
    } catch (error) {
      if (error !== aborted) throw error;
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
