import type { Params, ParamTypes } from '../keyspace/params.ts';
import { maxVersion, VERSION_NONE, type Version } from '../protocol/version.ts';
import type { L1Cache } from './l1-cache.ts';
import type { L2Answer } from './l2-question.ts';
import type { L2Reader } from './l2-reader.ts';
import type { LeaseLoader } from './lease-loader.ts';
import type { WaitTerms } from './lease-wait.ts';
import type { Loaded, Loader } from './loader.ts';
import type { Miss } from './miss.ts';
import type { AnyKeyspace, ResolvedOptions } from './options.ts';
import type { ServedResult } from './read-result.ts';
import type { SeenFloors } from './seen-floors.ts';
import { seenIn, type Settler } from './settler.ts';
import type { SingleFlight } from './single-flight.ts';
import type { Counters } from './stats.ts';
import type { StoreFiller } from './store-filler.ts';

const UNPROVEN = Number.NEGATIVE_INFINITY;
/** The end of one fill's TTL, as this process and its tiers compute it, differs by less. */
const SAME_FILL_MS = 50;

const ANY_FILL: WaitTerms = { consistency: 'eventual', fresh: false };
const FRESH_FILL: WaitTerms = { consistency: 'eventual', fresh: true };

interface Parts {
  readonly l1: L1Cache;
  readonly l2: L2Reader;
  readonly floors: SeenFloors;
  readonly flights: SingleFlight<ServedResult>;
  readonly loader: Loader;
  readonly filler: StoreFiller;
  readonly settler: Settler;
  readonly leaseLoader: LeaseLoader;
  readonly counters: Counters;
}

/** Highest version that a node knows for the key: nothing below it may be served. */
export function knownVersion(floors: SeenFloors, key: string, answer: L2Answer | null): Version {
  return maxVersion(answer?.record?.tidemark ?? VERSION_NONE, floors.of(key));
}

/** Loads that no reader waits for. Each is a load and a fill like any other. */
export class Reloader {
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #parts: Parts;

  constructor(options: ResolvedOptions<unknown, unknown>, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Loads what was just written here from the primary, and fills the own region with it. */
  async renew(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    version: Version,
  ): Promise<Loaded | null> {
    const miss: Miss = { keyspace, params, key, ticket: this.#parts.l1.ticket() };
    const token = this.#options.runtime.randomId();
    const seen = seenIn(await this.#parts.l2.ask(miss), keyspace.schemaVersion);
    // Readers that miss meanwhile wait for this fill.
    const lease = seen.meta && (await this.#parts.filler.lease(key, token)) === 'granted' ? token : null;
    this.#parts.counters.loads += 1;
    const request = { keyspace, keys: [key], params: [params], needs: [version], mayLag: false };
    const [loaded] = await this.#parts.loader.load(request);
    await this.#parts.settler.settle(miss, seen, loaded!, lease, 'below-tidemark');
    return loaded!;
  }

  /** Brings a key back into L1: from another process' fill, or by loading it. */
  async refresh(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    version: Version,
  ): Promise<void> {
    const miss: Miss = { keyspace, params, key, ticket: this.#parts.l1.ticket() };
    const terms = { notBeforeMs: UNPROVEN, tidemark: version };
    await this.#parts.flights.do(key, terms, this.#options.runtime.monoMs(), async () => {
      const answer = await this.#parts.l2.ask(miss);
      const found = answer && this.#parts.l2.judge(miss, answer, 'eventual');
      if (found && typeof found === 'object') return found;
      const known = maxVersion(version, knownVersion(this.#parts.floors, key, answer));
      const abreast = answer?.wentBack !== true;
      const seen = seenIn(answer, keyspace.schemaVersion);
      const waits = abreast ? ANY_FILL : null;
      const why = 'below-tidemark';
      return this.#parts.leaseLoader.load({ miss, seen, why, tidemark: known, mayLag: abreast, waits });
    });
  }

  /** Reloads what L1 has of a key, unless another process did it. Never rejects. */
  revalidateEntry(keyspace: AnyKeyspace, params: Params<ParamTypes>, key: string): Promise<void> {
    const entry = this.#parts.l1.peek(key);
    if (!entry) return Promise.resolve();
    const miss: Miss = { keyspace, params, key, ticket: this.#parts.l1.ticket() };
    return this.revalidate(miss, entry.version ?? VERSION_NONE, entry.freshUntilMs);
  }

  /** Reloads a value in the background, unless another process did it: what is fresh for longer will do. */
  async revalidate(miss: Miss, tidemark: Version, freshUntilMs: number): Promise<void> {
    if (this.#parts.flights.has(miss.key)) return;
    const nowMs = this.#options.runtime.monoMs();
    await this.#parts.flights
      .do(miss.key, { notBeforeMs: UNPROVEN, tidemark }, nowMs, async () => {
        const answer = await this.#parts.l2.ask(miss);
        const found = answer && this.#parts.l2.judge(miss, answer, 'eventual');
        if (found && typeof found === 'object' && found.freshUntilMs > freshUntilMs + SAME_FILL_MS)
          return found;
        const known = maxVersion(tidemark, knownVersion(this.#parts.floors, miss.key, answer));
        const abreast = answer?.wentBack !== true;
        return this.#parts.leaseLoader.load({
          miss,
          seen: seenIn(answer, miss.keyspace.schemaVersion),
          why: 'expired',
          tidemark: known,
          // It is no older than what is there, which a replica can't promise.
          mayLag: false,
          waits: abreast ? FRESH_FILL : null,
        });
      })
      .catch(() => {}); // The value was served; the next read tries again.
  }
}
