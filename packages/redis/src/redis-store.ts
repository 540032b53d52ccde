import { performance } from 'node:perf_hooks';
import {
  type Fill,
  type FillVerdict,
  HISTORY_LENGTH_MAX,
  type Invalidation,
  isScopeKey,
  keyspaceOf,
  type LeaseAnswer,
  type Position,
  SCOPES_MAX,
  type Store,
  type StoreAnswer,
  type StoreBatch,
  type StoreBatchResult,
  type StoreMeta,
  StoreUnavailableError,
} from '@tidemark/core';
import { Redis } from 'ioredis';
import { MetaReader, readMeta } from './meta-text.ts';
import { type RedisStoreOptions, type ResolvedRedisOptions, resolveRedisOptions } from './options.ts';
import { readRecord } from './record-bytes.ts';
import { FILL } from './scripts/fill.ts';
import { HOLD, LET_GO } from './scripts/hold.ts';
import { INITIALISE, RAISE_EPOCH } from './scripts/life.ts';
import { PRELUDE } from './scripts/prelude.ts';
import { RAISE } from './scripts/raise.ts';
import { StoreClock } from './store-clock.ts';

const CLOCK_EVERY_MS = 30_000;
const SCAN_COUNT = 500;

type Argument = string | number | Buffer;
/** The commands that `defineCommand` adds: number of keys, keys, arguments. */
type Script = (keys: number, ...args: readonly Argument[]) => Promise<unknown>;
interface Scripts {
  readonly tidemarkRaise: Script;
  readonly tidemarkFill: Script;
  readonly tidemarkHold: Script;
  readonly tidemarkLetGo: Script;
  readonly tidemarkInitialise: Script;
  readonly tidemarkRaiseEpoch: Script;
}

const LUA: Readonly<Record<keyof Scripts, string>> = {
  tidemarkRaise: PRELUDE + RAISE,
  tidemarkFill: PRELUDE + FILL,
  tidemarkHold: HOLD,
  tidemarkLetGo: LET_GO,
  tidemarkInitialise: PRELUDE + INITIALISE,
  tidemarkRaiseEpoch: PRELUDE + RAISE_EPOCH,
};

/** A region's store in Redis: pointer records read by one `MGET`, changed by atomic scripts. */
export class RedisStore implements Store {
  readonly #redis: Redis;
  readonly #scripts: Scripts;
  readonly #options: ResolvedRedisOptions;
  readonly #clock = new StoreClock();
  readonly #metaReader = new MetaReader();
  readonly #metaKey: string;
  readonly #stateKeys: readonly [meta: string, mark: string, history: string];
  readonly #clockTimer: NodeJS.Timeout;

  /** @internal use `redisStore` */
  constructor(options: ResolvedRedisOptions) {
    this.#options = options;
    this.#redis = new Redis(options.url, { ...options.redis, replyMapping: 'legacy' });
    this.#redis.on('error', () => {}); // Commands report it; without a listener it would be thrown.
    this.#redis.on('ready', () => void this.#setClock().catch(() => {}));
    for (const [name, lua] of Object.entries(LUA)) this.#redis.defineCommand(name, { lua });
    this.#scripts = this.#redis as unknown as Scripts;
    const { namespace } = options;
    this.#metaKey = `${namespace}:meta`;
    this.#stateKeys = [this.#metaKey, `${namespace}:mark`, `${namespace}:history`];
    this.#clockTimer = setInterval(() => void this.#setClock().catch(() => {}), CLOCK_EVERY_MS);
    this.#clockTimer.unref();
  }

  /** @internal Resolves when connected, or when that takes too long: the store then comes later. */
  async connected(): Promise<void> {
    const { connectTimeout } = this.#options.redis;
    const signal = AbortSignal.timeout(connectTimeout ?? 1_000);
    await new Promise<void>((resolve) => {
      this.#redis.once('ready', () => resolve());
      this.#redis.once('error', () => resolve());
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async read(keys: readonly string[]): Promise<StoreAnswer> {
    if (!this.#clock.isSet) await this.#setClock();
    const [metaBytes, ...recordBytes] = await this.#run(
      this.#redis.mgetBuffer([this.#metaKey, ...keys.map((key) => this.#recordKey(key))]),
    );
    const meta = metaBytes ? this.#metaReader.read(metaBytes) : null;
    const records = recordBytes.map((bytes) => (meta && bytes ? readRecord(bytes) : null));
    return { meta, records, nowMs: this.#clock.nowMs() };
  }

  async raise(invalidations: readonly Invalidation[]): Promise<void> {
    await this.#raise({ invalidations, expect: null, mark: '' });
  }

  async lease(key: string, token: string, ttlMs: number): Promise<LeaseAnswer> {
    const held = await this.#run(this.#scripts.tidemarkHold(1, this.#leaseKey(key), token, Math.ceil(ttlMs)));
    return { granted: held === 1 };
  }

  async release(key: string, token: string): Promise<void> {
    await this.#run(this.#scripts.tidemarkLetGo(1, this.#leaseKey(key), token));
  }

  async fill(fill: Fill): Promise<FillVerdict> {
    const { key, version, asOf, data } = fill;
    const verdict = await this.#run(
      this.#scripts.tidemarkFill(
        3,
        this.#metaKey,
        this.#recordKey(key),
        this.#leaseKey(key),
        keyspaceOf(key),
        fill.incarnation,
        fill.epoch,
        fill.revision,
        version ? 1 : 0,
        version?.era ?? 0,
        version?.n ?? 0,
        fill.scope,
        asOf.era,
        asOf.xid,
        fill.schema,
        Math.ceil(fill.freshMs),
        Math.ceil(fill.staleMs),
        data === null ? 1 : 0,
        fill.lease ?? '',
        this.#options.tombstoneTtlMs,
        data === null ? '' : Buffer.from(data.buffer, data.byteOffset, data.byteLength),
      ),
    );
    return verdict as FillVerdict;
  }

  apply(batch: StoreBatch): Promise<StoreBatchResult> {
    return this.#raise(batch);
  }

  async initialise(incarnation: string, horizon: Position): Promise<StoreMeta> {
    const text = await this.#run(
      this.#scripts.tidemarkInitialise(3, ...this.#stateKeys, incarnation, horizon.era, horizon.xid),
    );
    return readMeta(String(text))!;
  }

  async raiseEpoch(base: Position): Promise<void> {
    await this.#run(this.#scripts.tidemarkRaiseEpoch(1, this.#metaKey, base.era, base.xid));
  }

  async claim(role: string, holder: string, ttlMs: number): Promise<boolean> {
    return (
      (await this.#run(this.#scripts.tidemarkHold(1, this.#roleKey(role), holder, Math.ceil(ttlMs)))) === 1
    );
  }

  async resign(role: string, holder: string): Promise<void> {
    await this.#run(this.#scripts.tidemarkLetGo(1, this.#roleKey(role), holder));
  }

  async *keys(): AsyncGenerator<readonly string[]> {
    const prefix = `${this.#options.namespace}:{`;
    let cursor = '0';
    do {
      const [next, found] = await this.#run(
        this.#redis.scan(cursor, 'MATCH', `${prefix}*}`, 'COUNT', SCAN_COUNT),
      );
      cursor = next;
      if (found.length > 0) yield found.map((key) => key.slice(prefix.length, -1));
    } while (cursor !== '0');
  }

  async close(): Promise<void> {
    clearInterval(this.#clockTimer);
    this.#redis.disconnect();
  }

  async #raise({ invalidations, expect, mark, advance }: StoreBatch): Promise<StoreBatchResult> {
    const scopes = invalidations.filter(({ key }) => isScopeKey(key));
    const records = invalidations.filter(({ key }) => !isScopeKey(key));
    const keys = [
      ...this.#stateKeys,
      ...records.flatMap(({ key }) => [this.#recordKey(key), this.#leaseKey(key)]),
    ];
    const answer = await this.#run(
      this.#scripts.tidemarkRaise(
        keys.length,
        ...keys,
        mark,
        expect ?? '',
        this.#options.tombstoneTtlMs,
        this.#options.tombstoneTtlMs / 2,
        advance ? 1 : 0,
        advance?.from.era ?? 0,
        advance?.from.xid ?? 0,
        advance?.to.era ?? 0,
        advance?.to.xid ?? 0,
        SCOPES_MAX,
        HISTORY_LENGTH_MAX,
        scopes.length,
        ...scopes.flatMap(({ key, version }) => [key, version.n]),
        ...records.flatMap(({ version }) => [version.era, version.n]),
      ),
    );
    const [outcome, text] = answer as [StoreBatchResult['outcome'], string];
    return { outcome, meta: text === '' ? null : readMeta(text) };
  }

  async #setClock(): Promise<void> {
    const askedAtMs = performance.now();
    const [seconds, microseconds] = await this.#run(this.#redis.time());
    this.#clock.set(Number(seconds), Number(microseconds), askedAtMs);
  }

  async #run<T>(command: Promise<T>): Promise<T> {
    try {
      return await command;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new StoreUnavailableError(
        `Redis at ${this.#redis.options.host}:${this.#redis.options.port} failed: ${why}; reads go on without it`,
        { cause },
      );
    }
  }

  #recordKey(key: string): string {
    return `${this.#options.namespace}:{${key}}`;
  }

  #leaseKey(key: string): string {
    return `${this.#options.namespace}:{${key}}:lease`;
  }

  #roleKey(role: string): string {
    return `${this.#options.namespace}:role:${role}`;
  }
}

/**
 * Connects to a region's Redis. Resolves also when it can't be reached yet: the store then rejects
 * until it is there.
 *
 * @throws ConfigurationError for options that can't work
 */
export async function redisStore(options: RedisStoreOptions): Promise<RedisStore> {
  const store = new RedisStore(resolveRedisOptions(options));
  await store.connected();
  return store;
}
