import { fillAll } from './fill-all.ts';
import { ConfigurationError } from '../ports/errors.ts';
import type { KeyReads, NodeReads, Popularity } from '../ports/popularity.ts';
import type { LeaseAnswer, Store, StoreAnswer, StoreBatch, StoreBatchResult } from '../ports/store.ts';
import type { Watch, WatchAnswer } from '../protocol/dependency.ts';
import type { Invalidation } from '../protocol/event.ts';
import { isScopeKey } from '../protocol/key.ts';
import { PARTITIONS_MAX, partitionOf } from '../protocol/partition.ts';
import { comparePositions, type Position } from '../protocol/position.ts';
import type { RetainedValue } from '../protocol/retained.ts';
import type { Fill, FillVerdict, StoredRecord, StoreMeta } from '../protocol/record.ts';

/**
 * One store out of several, each with its own life, position and scopes: shards of a cluster, or
 * independent servers. A key belongs to one of them; scope keys to all; roles to the first.
 */
export class PartitionedStore implements Store {
  readonly partitions: readonly Store[];
  readonly #close: () => Promise<void>;

  /** @internal use `partitionedStore` */
  constructor(partitions: readonly Store[], close: () => Promise<void>) {
    this.partitions = partitions;
    this.#close = close;
  }

  /** For lookers-on: records come with the state of the partition that is furthest behind. */
  async read(keys: readonly string[], schema?: number): Promise<StoreAnswer> {
    const parts = split(keys, this.partitions.length, (key) => key);
    const all = this.partitions.map((store, i) => store.read(parts.get(i) ?? [], schema));
    const answers = await Promise.all(all);
    const records = new Map<string, StoredRecord | null>();
    for (const [i, part] of parts)
      part.forEach((key, at) => records.set(key, answers[i]!.records[at] ?? null));
    const metas = answers.map(({ meta }) => meta);
    return {
      meta: metas.every((meta) => meta !== null) ? least(metas) : null,
      records: keys.map((key) => records.get(key) ?? null),
      nowMs: answers[0]!.nowMs,
    };
  }

  async raise(invalidations: readonly Invalidation[]): Promise<void> {
    const parts = splitEvents(invalidations, this.partitions.length);
    const raised = [...parts].map(([i, part]) => this.partitions[i]!.raise(part));
    for (const each of await Promise.allSettled(raised)) if (each.status === 'rejected') throw each.reason;
  }

  lease(key: string, token: string, ttlMs: number): Promise<LeaseAnswer> {
    return this.#storeOf(key).lease(key, token, ttlMs);
  }

  release(key: string, token: string): Promise<void> {
    return this.#storeOf(key).release(key, token);
  }

  get watchLease(): Store['watchLease'] {
    if (!this.partitions.every((store) => store.watchLease)) return undefined;
    return (key, ended) => this.#storeOf(key).watchLease!(key, ended);
  }

  watch(watch: Watch): Promise<WatchAnswer> {
    return this.#storeOf(watch.key).watch(watch);
  }

  fill(fill: Fill): Promise<FillVerdict> {
    return this.#storeOf(fill.key).fill(fill);
  }

  async fillMany(fills: readonly Fill[]): Promise<readonly FillVerdict[]> {
    const parts = split([...fills.entries()], this.partitions.length, ([, { key }]) => key);
    const verdicts: FillVerdict[] = Array.from({ length: fills.length });
    const filled = [...parts].map(async ([i, part]) => {
      const said = await fillAll(
        this.partitions[i]!,
        part.map(([, fill]) => fill),
      );
      part.forEach(([at], j) => (verdicts[at] = said[j]!));
    });
    for (const each of await Promise.allSettled(filled)) if (each.status === 'rejected') throw each.reason;
    return verdicts;
  }

  retain(
    key: string,
    value: Omit<RetainedValue, 'filledAtMs'>,
    keepMax: number,
    lifeMs: number,
  ): Promise<void> {
    return this.#storeOf(key).retain(key, value, keepMax, lifeMs);
  }

  retained(key: string): Promise<readonly RetainedValue[]> {
    return this.#storeOf(key).retained(key);
  }

  /** To all partitions; the outcome is the worst one. An applier speaks with the partitions instead. */
  async apply(batch: StoreBatch): Promise<StoreBatchResult> {
    const parts = splitEvents(batch.invalidations, this.partitions.length);
    const results = await Promise.all(
      this.partitions.map((store, i) => store.apply({ ...batch, invalidations: parts.get(i) ?? [] })),
    );
    const good = batch.advance ? 'advanced' : 'applied';
    return results.find(({ outcome }) => outcome !== good) ?? results[0]!;
  }

  async initialise(incarnation: string, horizon: Position, mark?: string): Promise<StoreMeta> {
    const metas = await Promise.all(
      this.partitions.map((store) => store.initialise(incarnation, horizon, mark)),
    );
    return least(metas);
  }

  async raiseEpoch(base: Position): Promise<void> {
    await Promise.all(this.partitions.map((store) => store.raiseEpoch(base)));
  }

  claim(role: string, holder: string, ttlMs: number): Promise<boolean> {
    return this.partitions[0]!.claim(role, holder, ttlMs);
  }

  resign(role: string, holder: string): Promise<void> {
    return this.partitions[0]!.resign(role, holder);
  }

  async *keys(): AsyncGenerator<readonly string[]> {
    for (const store of this.partitions) yield* store.keys();
  }

  /** A node reports to one partition, which one its id says; what can't be reached is left out. */
  readonly popularity: Popularity = {
    report: (node: string, keys: readonly KeyReads[]): Promise<void> =>
      this.#storeOf(node).popularity?.report(node, keys) ?? Promise.resolve(),
    reports: () => this.#reports(),
  };

  async *#reports(): AsyncGenerator<NodeReads> {
    let failure: unknown;
    let answered = false;
    for (const { popularity } of this.partitions) {
      try {
        if (popularity) yield* popularity.reports();
        answered = true;
      } catch (error) {
        failure = error;
      }
    }
    if (!answered) throw failure;
  }

  async close(): Promise<void> {
    await Promise.all(this.partitions.map((store) => store.close()));
    await this.#close();
  }

  #storeOf(key: string): Store {
    return this.partitions[partitionOf(key, this.partitions.length)]!;
  }
}

/** The keys, or what has keys, of each partition that has some. */
export function split<T>(items: readonly T[], count: number, keyOf: (item: T) => string): Map<number, T[]> {
  if (count === 1) return new Map(items.length > 0 ? [[0, items as T[]]] : []);
  const parts = new Map<number, T[]>();
  for (const item of items) add(parts, partitionOf(keyOf(item), count), item);
  return parts;
}

/** The events of each partition that has some; scope keys concern all. */
export function splitEvents(
  invalidations: readonly Invalidation[],
  count: number,
): Map<number, Invalidation[]> {
  const parts = new Map<number, Invalidation[]>();
  for (const each of invalidations) {
    if (!isScopeKey(each.key)) add(parts, partitionOf(each.key, count), each);
    else for (let i = 0; i < count; i += 1) add(parts, i, each);
  }
  return parts;
}

function add<T>(parts: Map<number, T[]>, partition: number, item: T): void {
  const part = parts.get(partition);
  if (part) part.push(item);
  else parts.set(partition, [item]);
}

function least(metas: readonly StoreMeta[]): StoreMeta {
  return metas.reduce((a, b) => (comparePositions(b.horizon, a.horizon) < 0 ? b : a));
}

/**
 * Makes one store out of 1 to 256. Their order and number must be the same in every process of the region.
 *
 * @param close what to close besides them, such as a connection that they share
 * @throws ConfigurationError for too few or too many
 */
export function partitionedStore(
  partitions: readonly Store[],
  close: () => Promise<void> = async () => {},
): PartitionedStore {
  if (partitions.length < 1 || partitions.length > PARTITIONS_MAX) {
    throw new ConfigurationError(
      `a partitioned store needs 1 to ${PARTITIONS_MAX} partitions, got ${partitions.length}`,
    );
  }
  return new PartitionedStore(partitions, close);
}
