import { fillOfCopy, type StoreMeta } from '@tidemark/core';
import { expect } from 'vitest';
import {
  type KeyList,
  keyList,
  type Origin,
  peerOrigin,
  readCopies,
  sourceOrigin,
  warm,
  type WarmPlan,
  type WarmReport,
  workOf,
} from '../src/index.ts';
import { rows, type WarmRegions } from './warm-regions.ts';

export const COUNT = 600;

/** What tests of warm-ups do with their regions. */
export class Warmer {
  readonly #regions: () => WarmRegions;

  constructor(regions: () => WarmRegions) {
    this.#regions = regions;
  }

  readonly listOf = (options: Parameters<typeof keyList>[0] = {}): Promise<KeyList> =>
    keyList({ others: this.#regions().stores.us.keys(), keyspaces: ['row'], ...options });

  /** Warms eu from us, one batch of 50 keys after the other. */
  readonly run = async (changes: Partial<WarmPlan> = {}, list = this.listOf()): Promise<WarmReport> => {
    const { stores } = this.#regions();
    const { keys, reads } = await list;
    return warm({
      store: stores.eu,
      work: workOf({ keys, reads }, 50),
      keysKnown: keys.length,
      readsKnown: reads.reduce((a, b) => a + b, 0),
      origins: [peerOrigin('us', stores.us)],
      concurrency: 1,
      ...changes,
    });
  };

  readonly fromSource = (budget = 1_000_000): Origin => {
    const { eu, stores } = this.#regions();
    return sourceOrigin({
      node: eu,
      keyspaces: [rows],
      store: stores.eu,
      budget: { loadsPerSecond: budget },
    });
  };

  readonly meta = async (): Promise<StoreMeta> => (await this.#regions().stores.eu.read([])).meta!;

  /** The value of row 1 as it is, but past its TTL. */
  readonly expireInEu = async (): Promise<void> => {
    const { eu } = this.#regions().stores;
    const { blocks } = await readCopies(eu, ['row:1']);
    const [{ asOf, values }] = blocks as [(typeof blocks)[number]];
    const fill = fillOfCopy({ ...values[0]!, freshMs: 0 }, asOf, await this.meta());
    expect(await eu.fill({ ...fill, replaces: 'any' })).toBe('admitted');
  };
}
