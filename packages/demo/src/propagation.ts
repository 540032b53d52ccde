import { type Bus, type Committed, decodeMessage, type Subscription } from '@tidemark/core';
import { build, type Histogram } from 'hdr-histogram-js';

const PENDING_MAX = 50_000;

interface Pending {
  readonly from: string;
  readonly committedAtMs: number;
  readonly waiting: Set<string>;
}

/** Figures of one ordered pair of regions, ms. */
export interface PairFigures {
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

/** Measures, per region pair, from the return of a write to its invalidation on the other region's feed. */
export class Propagation {
  readonly #pending = new Map<string, Pending>();
  readonly #pairs = new Map<string, Histogram>();
  readonly #all = histogram();
  readonly #regions: readonly string[];
  /** Writes of regions that are cut off can't arrive; they are counted out. */
  readonly cutOff = new Set<string>();

  constructor(regions: readonly string[]) {
    this.#regions = regions;
  }

  listen(region: string, bus: Bus): Promise<Subscription> {
    return bus.listen(region, 'feed', ({ data }) => {
      const decoded = decodeMessage(data);
      if (!decoded.ok || decoded.message.kind !== 'feed') return;
      const nowMs = performance.now();
      for (const { key, version } of decoded.message.invalidations)
        this.#arrived(`${key} ${version.n}`, region, nowMs);
    });
  }

  committed(from: string, { invalidations }: Pick<Committed<unknown>, 'invalidations'>): void {
    if (this.cutOff.has(from)) return;
    const committedAtMs = performance.now();
    for (const { key, version } of invalidations) {
      const waiting = new Set(this.#regions.filter((to) => to !== from && !this.cutOff.has(to)));
      this.#pending.set(`${key} ${version.n}`, { from, committedAtMs, waiting });
    }
    while (this.#pending.size > PENDING_MAX) this.#pending.delete(this.#pending.keys().next().value!);
  }

  /** Writes under way when a region is cut off can't be judged there. */
  forget(region: string): void {
    for (const [id, { from, waiting }] of this.#pending) {
      waiting.delete(region);
      if (from === region || waiting.size === 0) this.#pending.delete(id);
    }
  }

  total(): { p50: number; p99: number } {
    return { p50: percentile(this.#all, 50), p99: percentile(this.#all, 99) };
  }

  pairs(): PairFigures[] {
    return [...this.#pairs]
      .map(([name, pair]) => {
        const [from, to] = name.split(' ');
        return {
          from: from!,
          to: to!,
          count: pair.totalCount,
          p50: percentile(pair, 50),
          p99: percentile(pair, 99),
        };
      })
      .sort((a, b) => (a.from + a.to < b.from + b.to ? -1 : 1));
  }

  /** Median of the arrivals at one region, ms; for the live view. */
  into(region: string): number {
    const figures = this.pairs().filter(({ to }) => to === region);
    return figures.length === 0 ? 0 : Math.max(...figures.map(({ p50 }) => p50));
  }

  #arrived(id: string, region: string, nowMs: number): void {
    const pending = this.#pending.get(id);
    if (!pending?.waiting.delete(region)) return;
    if (pending.waiting.size === 0) this.#pending.delete(id);
    const name = `${pending.from} ${region}`;
    let pair = this.#pairs.get(name);
    if (!pair) this.#pairs.set(name, (pair = histogram()));
    const microseconds = Math.round((nowMs - pending.committedAtMs) * 1_000);
    pair.recordValue(Math.max(1, microseconds));
    this.#all.recordValue(Math.max(1, microseconds));
  }
}

function histogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 3,
  });
}

function percentile(pair: Histogram, percent: number): number {
  return pair.totalCount === 0 ? 0 : Math.round(pair.getValueAtPercentile(percent) / 10) / 100;
}
