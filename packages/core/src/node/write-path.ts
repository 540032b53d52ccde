import type { Params, ParamTypes } from '../keyspace/params.ts';
import { tag } from '../keyspace/tag.ts';
import { ConfigurationError } from '../ports/errors.ts';
import type { Bump, Committed } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import type { Span } from '../ports/telemetry.ts';
import type { Invalidation } from '../protocol/event.ts';
import type { AnyKeyspace, ResolvedOptions, TypedKeyspace } from './options.ts';
import { Publisher } from './publisher.ts';
import type { ReadPath } from './read-path.ts';
import type { Counters } from './stats.ts';

/** What a writer gets: the source's own transaction, and `bump`. */
export type WriteTransaction<Tx> = Tx & {
  /** This key changes with this transaction. Needless where the table is tracked by triggers. */
  bump<P extends ParamTypes>(keyspace: TypedKeyspace<P, unknown>, params: Params<P>): void;
  /** Every key of the keyspace changes with this transaction. */
  bumpAll(keyspace: AnyKeyspace): void;
  /** Everything that depends on the tag changes with this transaction. One event, however much that is. */
  invalidateTag(name: string): void;
};

/** Versioned writes: commit first, then tell the own region, then the others. */
export class WritePath {
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #reads: ReadPath;
  readonly #counters: Counters;
  readonly #publisher: Publisher | null;

  constructor(options: ResolvedOptions<unknown, unknown>, reads: ReadPath, counters: Counters) {
    this.#options = options;
    this.#reads = reads;
    this.#counters = counters;
    this.#publisher = options.bus && new Publisher(options.bus, options.runtime, options.telemetry);
  }

  async write<T>(work: (tx: WriteTransaction<unknown>) => Promise<T>): Promise<Committed<T>> {
    const { source } = this.#options;
    if (!source) throw new ConfigurationError('write needs a source; give one to startNode');
    return this.commit(async () => {
      // What comes after the work: the changelog's rows, and the commit.
      let bumped = (): void => {};
      try {
        return await source.transaction(async (tx, bump) => {
          bumped(); // Of an attempt that was not to be.
          const value = await work(withBump(tx, bump));
          const done = new Promise<void>((resolve) => (bumped = resolve));
          void this.#options.telemetry.trace('tidemark.bump', {}, undefined, () => done);
          return value;
        });
      } finally {
        bumped();
      }
    });
  }

  /** Runs one transaction of the source, and tells what it bumped. */
  async commit<T>(run: () => Promise<Committed<T>>): Promise<Committed<T>> {
    const { telemetry, runtime } = this.#options;
    return telemetry.trace('tidemark.write', {}, undefined, async (span) => {
      const beganMs = runtime.monoMs();
      let keys = 0;
      let ok = false;
      try {
        const committed = await run();
        keys = committed.invalidations.length;
        span.set({ 'tidemark.keys': keys });
        await this.announce(committed.invalidations);
        ok = true;
        return committed;
      } finally {
        telemetry.record({ type: 'write', ms: runtime.monoMs() - beganMs, keys, ok });
      }
    });
  }

  /** Committed: from here on nothing may fail the write, since the changelog remembers it. */
  async announce(invalidations: readonly Invalidation[]): Promise<void> {
    if (invalidations.length === 0) return;
    const { store, bus, telemetry } = this.#options;
    const atMs = this.#options.runtime.monoMs();
    this.#reads.raise(invalidations, telemetry.inject());
    const about = { 'tidemark.keys': invalidations.length };
    const raising =
      store &&
      telemetry.trace('tidemark.raise', about, undefined, (span) =>
        this.#raise(store, invalidations, atMs, span),
      );
    // The peers need not wait for this region's store, least of all for one that hangs.
    this.#publisher?.publish(invalidations);
    bus?.send('poke', { data: '' });
    try {
      await raising;
    } catch {
      if (bus) this.#reads.floors.untold(atMs);
      this.#counters.storeErrors += 1;
      telemetry.record({ type: 'store-error', operation: 'raise' });
    }
  }

  /**
   * Tells the region's store. While it fails nobody waits for it, if there is a bus: the appliers at its other end
   * tell the region as soon as it can be told. Without one this is the only way.
   */
  async #raise(
    store: Store,
    invalidations: readonly Invalidation[],
    atMs: number,
    span: Span,
  ): Promise<void> {
    if (!this.#options.bus) return store.raise(invalidations);
    const { skipped, errors } = await this.#reads.circuits!.raise(invalidations);
    if (skipped > 0) {
      this.#reads.floors.untold(atMs);
      span.set({ 'tidemark.skipped': skipped });
      this.#options.telemetry.record({ type: 'raise-skipped', events: skipped });
    }
    if (errors.length > 0) throw errors[0];
  }

  async close(): Promise<void> {
    await this.#publisher?.close();
  }
}

function withBump(tx: unknown, bump: Bump): WriteTransaction<unknown> {
  const extra = {
    bump: (keyspace: AnyKeyspace, params: Params<ParamTypes>) => bump(keyspace.key(params)),
    bumpAll: (keyspace: AnyKeyspace) => bump(keyspace.name),
    invalidateTag: (name: string) => bump(tag(name)),
  };
  return new Proxy(tx as object, {
    get(target, property) {
      if (property in extra) return extra[property as keyof typeof extra];
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  }) as WriteTransaction<unknown>;
}
