import type { Store } from '../ports/store.ts';
import type { StoreMeta } from '../protocol/record.ts';
import type { Loaded } from './loader.ts';
import type { AnyKeyspace, ResolvedOptions } from './options.ts';
import type { Counters } from './stats.ts';

/** How long a loaded value is fresh, and may be served stale after that, ms. */
export function lifetime(
  keyspace: AnyKeyspace,
  value: unknown,
): { readonly freshMs: number; readonly staleMs: number } {
  if (value === null) return { freshMs: keyspace.negativeTtlMs, staleMs: 0 };
  return { freshMs: keyspace.ttlMs, staleMs: keyspace.staleMs };
}

/** Whether the store took a value; one that is `away` neither vouches for it nor refuses it. */
export type FillWord = 'admitted' | 'refused' | 'away';

/** What a miss asks of the store: a lease, then a fill. A store that is away stops neither. */
export class StoreFiller {
  readonly #store: Store | null;
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #counters: Counters;

  constructor(options: ResolvedOptions<unknown, unknown>, counters: Counters) {
    this.#store = options.store;
    this.#options = options;
    this.#counters = counters;
  }

  async lease(key: string, token: string): Promise<boolean> {
    try {
      return (await this.#store!.lease(key, token, this.#options.loadTimeoutMs)).granted;
    } catch {
      this.failed('lease');
      return false;
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
  async fill(
    keyspace: AnyKeyspace,
    key: string,
    meta: StoreMeta,
    { value, label }: Loaded,
    lease: string | null,
  ): Promise<FillWord> {
    const { codec, telemetry } = this.#options;
    try {
      const verdict = await this.#store!.fill({
        key,
        version: label?.version ?? null,
        scope: label?.scope ?? meta.scopes.get(keyspace.name) ?? 0,
        asOf: label?.asOf ?? meta.horizon,
        incarnation: meta.incarnation,
        epoch: meta.epoch,
        revision: meta.revision,
        schema: keyspace.schemaVersion,
        ...lifetime(keyspace, value),
        data: value === null ? null : codec.encode(value),
        lease,
      });
      telemetry.record({ type: 'fill', keyspace: keyspace.name, verdict });
      if (verdict !== 'admitted') this.#counters.fillsRefused += 1;
      return verdict === 'admitted' ? 'admitted' : 'refused';
    } catch {
      this.failed('fill');
      return 'away';
    }
  }

  failed(operation: string): void {
    this.#counters.storeErrors += 1;
    this.#options.telemetry.record({ type: 'store-error', operation });
  }
}
