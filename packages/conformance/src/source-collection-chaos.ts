import type { Invalidation, Position, Version } from '@tidemark/core';
import { compareVersions } from '@tidemark/core';
import { choices, Floors, readChanges, type CollectingHarness } from './source-harness.ts';

const WRITERS = 5;
const TRANSACTIONS = 25;
const KEYS = 6;

export interface CollectionReport {
  readonly collected: number;
  /** Times that a reader was told that history is gone. */
  readonly startedOver: number;
  /** What a poll should have brought, to a reader that was not told to start over, and did not. */
  readonly lost: readonly string[];
  /** Labels above a version that was committed after them, or below one that was acknowledged before. */
  readonly wrongLabels: readonly string[];
}

interface Write {
  readonly invalidation: Invalidation;
  /** Order of events in this process: when its commit began, and when it was acknowledged. */
  readonly beganAt: number;
  readonly acknowledgedAt: number;
}

/** Writers that insert and delete few keys, a collector, a reader that polls, and a loader that labels. */
export async function collectionChaos<Tx>(
  { source, write, remove, collect }: CollectingHarness<Tx>,
  { seed, keyspace }: { readonly seed: number; readonly keyspace: string },
): Promise<CollectionReport> {
  const writes: Write[] = [];
  const labels: { key: string; version: Version; beganAt: number; endedAt: number }[] = [];
  const lost: string[] = [];
  let clock = 0;
  let collected = 0;
  let startedOver = 0;
  let writing = true;
  const keyOf = (random: () => number): string => `${keyspace}:${Math.floor(random() * KEYS)}`;

  async function writer(random: () => number): Promise<void> {
    for (let count = 0; count < TRANSACTIONS; count += 1) {
      const [key, deletes, early] = [keyOf(random), random() < 0.6, random() < 0.5];
      let beganAt = 0;
      const { invalidations } = await source.transaction(async (tx, bump) => {
        if (early) await write(tx);
        await pause(random() * 6);
        if (deletes) await remove(tx, key);
        else bump(key);
        await pause(random() * 6);
        beganAt = clock += 1;
      });
      for (const invalidation of invalidations) {
        if (invalidation.key.startsWith(keyspace)) {
          writes.push({ invalidation, beganAt, acknowledgedAt: (clock += 1) });
        }
      }
    }
  }

  async function reader(random: () => number): Promise<void> {
    let floors = new Floors();
    let since: Position | null = null;
    let knowsFrom = clock;
    for (let last = false; ;) {
      const dueUntil = clock;
      try {
        const { changes, horizon } = await readChanges(source, since, random() < 0.5 ? 1 : 1_000);
        floors.raise(changes);
        // What was committed before the snapshot of a first read is not told: a region's `base` covers it.
        if (since === null) knowsFrom = clock;
        since = horizon;
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'E_HISTORY_GONE') throw error;
        startedOver += 1;
        [floors, since] = [new Floors(), null];
        continue;
      }
      const due = writes.filter(
        ({ beganAt, acknowledgedAt }) => beganAt > knowsFrom && acknowledgedAt <= dueUntil,
      );
      for (const { key, version } of floors.missing(due.map(({ invalidation }) => invalidation))) {
        lost.push(`${key} at ${version.n}`);
      }
      if (last) return;
      last = !writing;
      await pause(random() * 20);
    }
  }

  async function loader(random: () => number): Promise<void> {
    while (writing) {
      const key = keyOf(random);
      const beganAt = (clock += 1);
      const { versions } = await source.labels([key]);
      labels.push({ key, version: versions[0]!, beganAt, endedAt: (clock += 1) });
      await pause(random() * 3);
    }
  }

  async function collector(random: () => number): Promise<void> {
    while (writing) {
      collected += await collect(1 + Math.floor(random() * 5));
      await pause(random() * 5);
    }
  }

  const writers = Array.from({ length: WRITERS }, (_, index) => writer(choices(seed + index)));
  const written = Promise.all(writers).finally(() => {
    writing = false;
  });
  await Promise.all([
    written,
    reader(choices(seed - 1)),
    loader(choices(seed - 2)),
    collector(choices(seed - 3)),
  ]);

  const wrongLabels = labels.flatMap(({ key, version, beganAt, endedAt }) => {
    const own = writes.filter(({ invalidation }) => invalidation.key === key);
    return own
      .filter(({ invalidation, ...at }) => {
        const order = compareVersions(version, invalidation.version);
        return (at.beganAt > endedAt && order >= 0) || (at.acknowledgedAt < beganAt && order < 0);
      })
      .map(({ invalidation }) => `${key} was labelled ${version.n} against ${invalidation.version.n}`);
  });
  return { collected, startedOver, lost, wrongLabels };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
