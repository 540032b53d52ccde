import type { Version } from '../protocol/version.ts';
import type { L2Reader } from './l2-reader.ts';
import { LeaseEnds } from './lease-ends.ts';
import { awaitFill, type WaitTerms } from './lease-wait.ts';
import type { Loader } from './loader.ts';
import type { Miss } from './miss.ts';
import type { ResolvedOptions } from './options.ts';
import type { ServedResult } from './read-result.ts';
import type { Seen, Settler } from './settler.ts';
import type { Counters } from './stats.ts';
import type { StoreFiller } from './store-filler.ts';

/** A key that must be loaded, and what is known of it. */
export interface Wanted {
  readonly miss: Miss;
  readonly seen: Seen;
  readonly why: ServedResult['why'];
  /** Nothing below it will do. */
  readonly tidemark: Version;
  /** Whether a replica is good enough. */
  readonly mayLag: boolean;
  /** Which of other processes' fills is good enough; null: none, it is loaded here. */
  readonly waits: WaitTerms | null;
}

interface Leased {
  readonly wanted: Wanted;
  /** Token of the lease; null without one. */
  readonly lease: string | null;
  /** Whether somebody else has it. */
  readonly held: boolean;
  /** What another process filled since the miss. */
  readonly found?: ServedResult;
}

interface Parts {
  readonly l2: L2Reader;
  readonly loader: Loader;
  readonly filler: StoreFiller;
  readonly settler: Settler;
  readonly counters: Counters;
}

/** Loads keys of one keyspace, one load per key and region: who gets no lease waits for the one who has it. */
export class LeaseLoader {
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #parts: Parts;
  readonly #ends: LeaseEnds | null;

  constructor(options: ResolvedOptions<unknown, unknown>, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#ends = options.store && new LeaseEnds(options.store, options.runtime);
  }

  async load(wanted: Wanted): Promise<ServedResult> {
    const [result] = await this.loadMany([wanted]);
    return result!;
  }

  /** One for each, in order. What is leased loads in one batch; so does what was waited for in vain. */
  loadMany(wanted: readonly Wanted[]): Promise<ServedResult[]> {
    const { miss, why } = wanted[0]!;
    const about = {
      'tidemark.keyspace': miss.keyspace.name,
      'tidemark.keys': wanted.length,
      'tidemark.why': why,
    };
    return this.#options.telemetry.trace(
      'tidemark.fetch',
      wanted.length === 1 ? { ...about, 'tidemark.key': miss.key } : about,
      undefined,
      () => this.#loadMany(wanted),
    );
  }

  async #loadMany(wanted: readonly Wanted[]): Promise<ServedResult[]> {
    const results: ServedResult[] = Array.from({ length: wanted.length });
    const leased = await Promise.all(wanted.map((each) => this.#lease(each)));
    const now: number[] = [];
    const later: number[] = [];
    leased.forEach(({ wanted, held, found }, i) => {
      if (found) results[i] = found;
      else (held && wanted.waits ? later : now).push(i);
    });
    await Promise.all([this.#batch(leased, now, results), this.#waitThenLoad(leased, later, results)]);
    return results;
  }

  async #lease(wanted: Wanted): Promise<Leased> {
    if (!this.#ends || wanted.seen.meta === null) return { wanted, lease: null, held: false };
    const { filler } = this.#parts;
    const { key } = wanted.miss;
    const token = this.#options.runtime.randomId();
    const word = await filler.lease(key, token);
    if (word !== 'granted') return { wanted, lease: null, held: word === 'held' };
    const found = await this.#filledSince(wanted);
    if (!found) return { wanted, lease: token, held: false };
    await filler.release(key, token);
    return { wanted, lease: null, held: false, found };
  }

  /** The lease may be free because its holder filled after the miss. */
  async #filledSince({ miss, seen, waits }: Wanted): Promise<ServedResult | null> {
    if (!waits) return null;
    const { l2 } = this.#parts;
    const answer = await l2.ask(miss);
    const filledAtMs = answer?.record?.value?.filledAtMs;
    if (!answer || filledAtMs === undefined || filledAtMs === seen.replaces) return null;
    const found = l2.judge(miss, answer, waits.consistency);
    return typeof found === 'object' && !(waits.fresh && found.why === 'stale') ? found : null;
  }

  async #waitThenLoad(
    leased: readonly Leased[],
    waiting: readonly number[],
    results: ServedResult[],
  ): Promise<void> {
    if (waiting.length === 0) return;
    const parts = { options: this.#options, ...this.#parts, ends: this.#ends! };
    const after = [...leased];
    const absent = new Set<number>();
    await Promise.all(
      waiting.map(async (i) => {
        const { wanted } = leased[i]!;
        const token = this.#options.runtime.randomId();
        const found = await awaitFill(parts, wanted.miss, token, wanted.waits!);
        if (typeof found === 'object') {
          results[i] = found;
          return;
        }
        absent.add(i);
        after[i] = { wanted, lease: found ? token : null, held: !found };
      }),
    );
    await this.#batch(
      after,
      waiting.filter((i) => absent.has(i)),
      results,
    );
  }

  /** One load for all; what a replica was too late for, in another one from the primary. */
  async #batch(leased: readonly Leased[], all: readonly number[], results: ServedResult[]): Promise<void> {
    try {
      const mayLag = all.every((i) => leased[i]!.wanted.mayLag);
      const late = await this.#loadAndSettle(leased, all, mayLag, results);
      await this.#loadAndSettle(leased, late, false, results);
    } catch (error) {
      await Promise.all(
        all.map(async (i) => {
          const { wanted, lease } = leased[i]!;
          if (lease !== null) await this.#parts.filler.release(wanted.miss.key, lease);
        }),
      );
      throw error;
    }
  }

  /** @returns those that a replica was too late for */
  async #loadAndSettle(
    leased: readonly Leased[],
    all: readonly number[],
    mayLag: boolean,
    results: ServedResult[],
  ): Promise<readonly number[]> {
    if (all.length === 0) return [];
    const { counters, loader, settler } = this.#parts;
    const wanted = all.map((i) => leased[i]!.wanted);
    counters.loads += all.length;
    const loaded = await loader.load({
      keyspace: wanted[0]!.miss.keyspace,
      keys: wanted.map(({ miss }) => miss.key),
      params: wanted.map(({ miss }) => miss.params),
      needs: wanted.map(({ tidemark }) => tidemark),
      // Without the store's word nobody knows how far behind a replica is.
      mayLag: mayLag && wanted.every(({ seen }) => seen.meta !== null),
    });
    const late: number[] = [];
    await Promise.all(
      all.map(async (i, at) => {
        const { miss, seen, why } = wanted[at]!;
        const result = await settler.settle(miss, seen, loaded[at]!, leased[i]!.lease, why);
        if (result) results[i] = result;
        else late.push(i);
      }),
    );
    return late;
  }
}
