import type { NodeCounts, NodesNow } from './api.ts';

/** One node, as it answered. */
export interface CountingNode extends NodeCounts {
  readonly node: string;
}

/** What a region's nodes did since the answers before. */
export interface NodesStep {
  /** Null: no node answered both times, or none was read. */
  readonly hitRate: number | null;
  readonly readsPerS: number | null;
}

const NO_STEP: NodesStep = { hitRate: null, readsPerS: null };

/** Sums up what a region's nodes say, and what they did since they said it last. */
export class RegionCounts {
  readonly #region: string;
  #before: ReadonlyMap<string, CountingNode> = new Map();
  #beforeMs = 0;
  now: NodesNow | null = null;
  step: NodesStep = NO_STEP;

  constructor(region: string) {
    this.#region = region;
  }

  /** `monoMs` is for rates, `atMs` for people. */
  take(answers: readonly CountingNode[], atMs: number, monoMs: number): void {
    if (answers.length === 0) {
      this.now = null;
      this.step = NO_STEP;
      this.#before = new Map();
      return;
    }
    const sum = (name: keyof NodeCounts): number => answers.reduce((total, each) => total + each[name], 0);
    this.now = {
      region: this.#region,
      atMs,
      nodes: answers.length,
      reads: sum('reads'),
      l1Hits: sum('l1Hits'),
      l2Hits: sum('l2Hits'),
      loads: sum('loads'),
      l1Entries: sum('l1Entries'),
      l1Bytes: sum('l1Bytes'),
      staleServes: sum('staleServes'),
      fillsRefused: sum('fillsRefused'),
    };
    this.step = this.#stepTo(answers, monoMs - this.#beforeMs);
    this.#before = new Map(answers.map((each) => [each.node, each]));
    this.#beforeMs = monoMs;
  }

  /** A node that is new, or began anew, has no step yet: its counters would look like a burst. */
  #stepTo(answers: readonly CountingNode[], ms: number): NodesStep {
    let [reads, hits, both] = [0, 0, 0];
    for (const each of answers) {
      const before = this.#before.get(each.node);
      if (!before || each.reads < before.reads) continue;
      both += 1;
      reads += each.reads - before.reads;
      hits += each.l1Hits + each.l2Hits - before.l1Hits - before.l2Hits;
    }
    if (both === 0 || ms <= 0) return NO_STEP;
    return { hitRate: reads === 0 ? null : hits / reads, readsPerS: (1_000 * reads) / ms };
  }
}
