import type { Invalidation, Position, SourceOfTruth, Version } from '@tidemark/core';
import { compareVersions, maxVersion } from '@tidemark/core';

/** What a source can't do; its cases are skipped, and the list says so in one place. */
export type SourceLack = 'overlap' | 'leadership' | 'cursors' | 'era-guard';

/** A source under test. */
export interface SourceHarness<Tx> {
  readonly source: SourceOfTruth<unknown, Tx>;
  /** Another handle on the same system, as another process would have. */
  another(): Promise<SourceOfTruth<unknown, Tx>>;
  /** Makes a transaction a writing one, which holds the horizon, without bumping a key of the suite. */
  write(tx: Tx): Promise<void>;
  close(): Promise<void>;
}

/** A source whose changelog can be collected. */
export interface CollectingHarness<Tx> extends SourceHarness<Tx> {
  /** Bumps a key as one whose row is deleted. */
  remove(tx: Tx, key: string): Promise<void>;
  /** Collects deleted keys, of whatever age; resolves to their number. */
  collect(limit: number): Promise<number>;
}

/** A promise and its ends. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

/** All pages of the changelog since a position; the horizon is the first page's. */
export async function readChanges(
  source: SourceOfTruth,
  since: Position | null,
  limit = 1_000,
): Promise<{ readonly changes: readonly Invalidation[]; readonly horizon: Position }> {
  let page = await source.changes(since, { limit });
  const { horizon } = page;
  const changes = [...page.changes];
  while (page.next) {
    page = await source.changes(since, { limit, after: page.next });
    changes.push(...page.changes);
  }
  return { changes, horizon };
}

/** Highest version of each key, as a region would know it. */
export class Floors {
  readonly #floors = new Map<string, Version>();

  raise(changes: readonly Invalidation[]): void {
    for (const { key, version } of changes) {
      const known = this.#floors.get(key);
      this.#floors.set(key, known ? maxVersion(known, version) : version);
    }
  }

  all(): ReadonlyMap<string, Version> {
    return this.#floors;
  }

  /** The invalidations that are not covered. */
  missing(wanted: readonly Invalidation[]): readonly Invalidation[] {
    return wanted.filter(({ key, version }) => {
      const floor = this.#floors.get(key);
      return !floor || compareVersions(floor, version) < 0;
    });
  }
}

/** Small deterministic generator (mulberry32), so that a run's choices can be repeated. */
export function choices(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
