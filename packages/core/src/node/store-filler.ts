import type { Store } from '../ports/store.ts';
import type { Span } from '../ports/telemetry.ts';
import { watchAll } from '../store/watch-all.ts';
import type { Fill, FillVerdict, StoreMeta } from '../protocol/record.ts';
import type { Version } from '../protocol/version.ts';
import type { Causes } from './causes.ts';
import type { KeyTrace } from './key-trace.ts';
import type { Lifetime } from './lifetime.ts';
import type { Loaded } from './loader.ts';
import type { AnyKeyspace, ResolvedOptions } from './options.ts';
import type { Counters } from './stats.ts';

/** Whether the store took a value; one that is `away` neither vouches for it nor refuses it. */
export type FillWord = 'admitted' | 'refused' | 'away';

/** Whether the lease was got, somebody else has it, or the store, full or away, gives none. */
export type LeaseWord = 'granted' | 'held' | 'away';

/** A loaded value on its way into the store. */
export interface LoadedFill {
  readonly keyspace: AnyKeyspace;
  readonly key: string;
  /** As the store showed it at the miss. */
  readonly meta: StoreMeta;
  readonly loaded: Loaded;
  readonly lease: string | null;
  readonly lifetime: Lifetime;
  readonly replaces: Fill['replaces'];
  /** Whether this node has heard of something newer: the store may have forgotten it, where tombstones are evicted. */
  readonly overtaken: boolean;
}

/** What a miss asks of the store: a lease, then a fill. A store that is away stops neither. */
export class StoreFiller {
  readonly #store: Store | null;
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #counters: Counters;
  readonly #causes: Causes;
  readonly #trace: KeyTrace;

  constructor(
    options: ResolvedOptions<unknown, unknown>,
    counters: Counters,
    causes: Causes,
    trace: KeyTrace,
  ) {
    this.#store = options.store;
    this.#options = options;
    this.#counters = counters;
    this.#causes = causes;
    this.#trace = trace;
  }

  async lease(key: string, token: string): Promise<LeaseWord> {
    try {
      const { granted } = await this.#store!.lease(key, token, this.#options.loadTimeoutMs);
      return granted ? 'granted' : 'held';
    } catch {
      this.failed('lease');
      return 'away';
    }
  }

  async release(key: string, token: string): Promise<void> {
    try {
      await this.#store!.release(key, token);
    } catch {
      this.failed('release'); // It expires by itself.
    }
  }

  /** The store's word on a loaded value. */
  fill(loadedFill: LoadedFill): Promise<FillWord> {
    const { keyspace, key } = loadedFill;
    return this.#options.telemetry.trace(
      'tidemark.fill',
      { 'tidemark.keyspace': keyspace.name, 'tidemark.key': key },
      { links: this.#causes.take(key) },
      (span) => this.#fill(loadedFill, span),
    );
  }

  async #fill(
    { keyspace, key, meta, loaded, lease, lifetime: { freshMs, staleMs }, replaces, overtaken }: LoadedFill,
    span: Span,
  ): Promise<FillWord> {
    const { value, label, dependencies: made, moved } = loaded;
    const told = (verdict: FillVerdict | 'moved' | 'seen-newer'): FillWord => {
      span.set({ 'tidemark.verdict': verdict });
      this.#trace.note(key, 'filled', label?.version ?? null, verdict);
      return this.#told(keyspace, verdict, freshMs);
    };
    if (moved || overtaken) {
      if (lease !== null) await this.release(key, lease);
      return told(moved ? 'moved' : 'seen-newer');
    }
    const encoded = this.#encode(value);
    if (!encoded) {
      // It is served all the same; others must not wait for what will never be there.
      if (lease !== null) await this.release(key, lease);
      return 'away';
    }
    const { data } = encoded;
    let retaining: Promise<void> | undefined;
    try {
      retaining = this.#retain(keyspace, key, loaded, data);
      const asOf = label?.asOf ?? meta.horizon;
      const dependencies = await watchAll(this.#store!, made, asOf, freshMs + staleMs);
      if (typeof dependencies === 'string') {
        if (lease !== null) await this.release(key, lease);
        return told(dependencies);
      }
      const verdict = await this.#store!.fill({
        key,
        version: label?.version ?? null,
        scope: label?.scope ?? meta.scopes.get(keyspace.name) ?? 0,
        asOf,
        incarnation: meta.incarnation,
        epoch: meta.epoch,
        revision: meta.revision,
        schema: keyspace.schemaVersion,
        freshMs,
        staleMs,
        data,
        dependencies,
        replaces,
        lease,
      });
      return told(verdict);
    } catch {
      this.#trace.note(key, 'filled', label?.version ?? null, 'away');
      this.failed('fill');
      return 'away';
    } finally {
      await retaining;
    }
  }

  /** Says once more what was heard while a fill was under way: it may have come after the tombstone was gone. */
  async raise(key: string, version: Version): Promise<void> {
    try {
      await this.#store!.raise([{ key, version }]);
    } catch {
      this.failed('raise');
    }
  }

  /** Adds the value to the history of its key, where the keyspace wants one and the value is fit for it. */
  async #retain(
    keyspace: AnyKeyspace,
    key: string,
    { label, exact }: Loaded,
    data: Uint8Array | null,
  ): Promise<void> {
    const { retain, retainMs, schemaVersion: schema } = keyspace;
    if (retain === 0 || !exact || !label) return;
    try {
      // One more than asked: the newest of them is what readers get now.
      await this.#store!.retain(key, { version: label.version, schema, data }, retain + 1, retainMs);
    } catch {
      this.failed('retain');
    }
  }

  #told(keyspace: AnyKeyspace, verdict: FillVerdict | 'moved' | 'seen-newer', freshMs: number): FillWord {
    this.#options.telemetry.record({ type: 'fill', keyspace: keyspace.name, verdict, freshMs });
    if (verdict === 'admitted') return 'admitted';
    this.#counters.fillsRefused += 1;
    return 'refused';
  }

  /** Null for a value that the codec refuses. */
  #encode(value: unknown): { readonly data: Uint8Array | null } | null {
    try {
      return { data: value === null ? null : this.#options.codec.encode(value) };
    } catch (error) {
      this.failed('encode', error);
      return null;
    }
  }

  failed(operation: string, error?: unknown): void {
    this.#counters.storeErrors += 1;
    this.#options.telemetry.record({ type: 'store-error', operation, error });
  }
}
