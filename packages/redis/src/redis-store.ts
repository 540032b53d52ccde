import {
  type Fill,
  type FillVerdict,
  FormatError,
  HISTORY_LENGTH_MAX,
  type Invalidation,
  isKey,
  isScopeKey,
  isVersion,
  keyspaceOf,
  type LeaseAnswer,
  type Position,
  type RetainedValue,
  SCOPES_MAX,
  type Store,
  type StoreAnswer,
  type StoreBatch,
  type StoreBatchResult,
  type StoreMeta,
  StoreUnavailableError,
  type Watch,
  type WatchAnswer,
} from '@tidemark/core';
import { bulkArguments, bulksOf } from './bulk-fill.ts';
import { type Commands, defineCommands } from './commands.ts';
import { Connection, type StoreConnection } from './connection.ts';
import { type RedisDiagnostics, redisDiagnostics } from './diagnostics.ts';
import { dependenciesText } from './dependencies-text.ts';
import { KeyNames } from './key-names.ts';
import { readMeta } from './meta-text.ts';
import { type RedisStoreOptions, type ResolvedRedisOptions, resolveRedisOptions } from './options.ts';
import { RecordReader } from './record-reader.ts';
import { RedisPopularity } from './redis-popularity.ts';
import { readHistory } from './retained-bytes.ts';
import { bodyBytes, type BodyPointer, newBodyId } from './value-body.ts';

const SCAN_COUNT = 500;
/** Events of one script call: it blocks Redis for about 2 ms. */
const SCRIPT_EVENTS_MAX = 500;
/** A body outlives the use of its value by this much. */
const BODY_SLACK_MS = 10_000;

/** A region's store in Redis: pointer records read by one `MGET`, changed by atomic scripts. */
export class RedisStore implements Store {
  readonly #options: ResolvedRedisOptions;
  readonly #connection: StoreConnection;
  readonly #commands: Commands;
  readonly #reader: RecordReader;
  readonly #names: KeyNames;
  readonly popularity: RedisPopularity;
  /** For operators. */
  readonly diagnostics: RedisDiagnostics;

  /** @internal use `redisStore` */
  constructor(options: ResolvedRedisOptions, connection: StoreConnection) {
    this.#options = options;
    this.#connection = connection;
    this.#commands = defineCommands(connection.redis);
    this.#names = new KeyNames(options.namespace);
    this.#reader = new RecordReader(connection, this.#names, options.onUnreadable);
    this.diagnostics = redisDiagnostics({ connection, names: this.#names });
    this.popularity = new RedisPopularity({
      connection,
      commands: this.#commands,
      names: this.#names,
      onUnreadable: options.onUnreadable,
    });
  }

  read(keys: readonly string[], schema?: number): Promise<StoreAnswer> {
    return this.#reader.read(keys, schema);
  }

  async raise(invalidations: readonly Invalidation[]): Promise<void> {
    await this.apply({ invalidations, expect: null, mark: '' });
  }

  async lease(key: string, token: string, ttlMs: number): Promise<LeaseAnswer> {
    return { granted: await this.#hold(this.#names.lease(key), token, ttlMs, false) };
  }

  async release(key: string, token: string): Promise<void> {
    await this.#run(this.#commands.tidemarkLetGo(1, this.#names.lease(key), token));
  }

  watchLease(key: string, ended: () => void): Promise<() => void> {
    return this.#connection.leases.watch(this.#names.lease(key), ended);
  }

  async watch({ key, version, scope, asOf, lifeMs }: Watch): Promise<WatchAnswer> {
    if (!isKey(key) || !isVersion(version)) {
      throw new FormatError(`a watch of ${JSON.stringify(key)} has no valid key and version`);
    }
    const answer = await this.#run(
      this.#commands.tidemarkWatch(
        3,
        this.#names.meta,
        this.#names.record(key),
        this.#names.state[2],
        keyspaceOf(key),
        isScopeKey(key) ? 1 : 0,
        version.era,
        version.n,
        scope,
        asOf.era,
        asOf.xid,
        Math.ceil(Math.max(lifeMs, this.#options.tombstoneTtlMs)),
        this.#options.tombstoneTtlMs / 2,
      ),
    );
    const [verdict, text] = answer as [FillVerdict, string];
    return { verdict, meta: text === '' ? null : this.#readMeta(text) };
  }

  async fill(fill: Fill): Promise<FillVerdict> {
    const { key, version, data } = fill;
    if (!isKey(key) || (version && !isVersion(version))) {
      throw new FormatError(`a fill of ${JSON.stringify(key)} has a key or version that no store can keep`);
    }
    if (data === null || data.byteLength <= this.#options.inlineBytesMax) return this.#fill(fill, null);
    const id = newBodyId();
    // In one go: the script finds the body, or refuses the fill.
    const bodyKey = this.#names.body(key, id);
    // Until then it lives as long as records do: where what ends soonest is evicted, it must not go at once.
    const put = this.#run(
      this.#connection.redis.set(bodyKey, bodyBytes(id, data), 'PX', this.#options.tombstoneTtlMs),
    );
    const [stored, filled] = await Promise.allSettled([
      put,
      this.#fill(fill, { id, length: data.byteLength }),
    ]);
    // Why there is no body says more than that there is none.
    if (stored.status === 'rejected') throw stored.reason;
    if (filled.status === 'rejected') throw filled.reason;
    return filled.value;
  }

  async fillMany(fills: readonly Fill[]): Promise<readonly FillVerdict[]> {
    const verdicts = bulksOf(fills, this.#options.inlineBytesMax).map(async (bulk) =>
      bulk.alone ? [await this.fill(bulk.fills[0]!)] : this.#fillBulk(bulk.fills),
    );
    const settled = await Promise.allSettled(verdicts);
    return settled.flatMap((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    });
  }

  async #fillBulk(fills: readonly Fill[]): Promise<readonly FillVerdict[]> {
    const names = fills.map(({ key }) => this.#names.record(key));
    const verdicts = await this.#run(
      this.#commands.tidemarkFillMany(
        2 + names.length,
        this.#names.meta,
        this.#names.state[2],
        ...names,
        ...bulkArguments(fills, this.#options.tombstoneTtlMs),
      ),
    );
    return verdicts as readonly FillVerdict[];
  }

  async #fill(fill: Fill, body: BodyPointer | null): Promise<FillVerdict> {
    const { key, version, asOf, data } = fill;
    const names = this.#names;
    const keys = [names.meta, names.record(key), names.lease(key), names.state[2]];
    if (body) keys.push(names.body(key, body.id));
    const verdict = await this.#run(
      this.#commands.tidemarkFill(
        keys.length,
        ...keys,
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
        fill.freshMs,
        fill.staleMs,
        data === null ? 1 : 0,
        fill.lease ?? '',
        this.#options.tombstoneTtlMs,
        body ? '' : toBuffer(data),
        dependenciesText(fill.dependencies),
        this.#options.tombstoneTtlMs / 2,
        fill.replaces ?? '',
        body?.id ?? '',
        body?.length ?? 0,
        Math.ceil(fill.freshMs + fill.staleMs) + BODY_SLACK_MS,
      ),
    );
    return verdict as FillVerdict;
  }

  async retain(
    key: string,
    { version, schema, data }: Omit<RetainedValue, 'filledAtMs'>,
    keepMax: number,
    lifeMs: number,
  ): Promise<void> {
    if (!isKey(key) || !isVersion(version)) {
      throw new FormatError(`a history of ${JSON.stringify(key)} takes no such key or version`);
    }
    const life = Math.max(1, Math.ceil(lifeMs));
    const { era, n } = version;
    const negative = data === null ? 1 : 0;
    await this.#run(
      this.#commands.tidemarkRetain(
        1,
        this.#names.history(key),
        era,
        n,
        schema,
        negative,
        keepMax,
        life,
        toBuffer(data),
      ),
    );
  }

  async retained(key: string): Promise<readonly RetainedValue[]> {
    const redisKey = this.#names.history(key);
    const fields = await this.#run(this.#connection.redis.hgetallBuffer(redisKey).catch(wrongType));
    const { history, unreadable } = fields ? readHistory(fields) : { history: [], unreadable: true };
    if (unreadable) this.#options.onUnreadable(redisKey);
    return history;
  }

  async apply(batch: StoreBatch): Promise<StoreBatchResult> {
    let { invalidations } = batch;
    for (const { key, version } of invalidations) {
      if (!isKey(key) || !isVersion(version)) {
        throw new FormatError(`an invalidation of ${JSON.stringify(key)} has no valid key and version`);
      }
    }
    if (batch.advance) checkName('lineage', batch.lineage ?? batch.mark);
    // Only the last part carries mark and advance: they speak for all of the batch.
    while (invalidations.length > SCRIPT_EVENTS_MAX) {
      const part = invalidations.slice(0, SCRIPT_EVENTS_MAX);
      await this.#raise({ invalidations: part, expect: null, mark: '' });
      invalidations = invalidations.slice(SCRIPT_EVENTS_MAX);
    }
    return this.#raise({ ...batch, invalidations });
  }

  async initialise(incarnation: string, horizon: Position, mark?: string): Promise<StoreMeta> {
    checkName('incarnation', incarnation);
    const { era, xid } = horizon;
    const text = await this.#run(
      this.#commands.tidemarkInitialise(3, ...this.#names.state, incarnation, era, xid, mark ?? ''),
    );
    if (text === '') throw new StoreUnavailableError('the store lost what was applied to it; apply it again');
    return this.#readMeta(String(text));
  }

  async raiseEpoch(base: Position): Promise<void> {
    await this.#run(this.#commands.tidemarkRaiseEpoch(1, this.#names.meta, base.era, base.xid));
  }

  async claim(role: string, holder: string, ttlMs: number): Promise<boolean> {
    // Who can't work on this store must not keep the role from those who can.
    await this.read([]);
    return this.#hold(this.#names.role(role), holder, ttlMs, true);
  }

  async resign(role: string, holder: string): Promise<void> {
    await this.#run(this.#commands.tidemarkLetGo(1, this.#names.role(role), holder));
  }

  async *keys(): AsyncGenerator<readonly string[]> {
    for (const server of this.#connection.scanned()) {
      let cursor = '0';
      do {
        const [next, found] = await this.#run(
          server.scan(cursor, 'MATCH', this.#names.records, 'COUNT', SCAN_COUNT),
        );
        cursor = next;
        if (found.length > 0) yield found.map((name) => this.#names.keyOf(name));
      } while (cursor !== '0');
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #raise({
    invalidations,
    expect,
    mark,
    lineage = mark,
    advance,
  }: StoreBatch): Promise<StoreBatchResult> {
    const scopes = invalidations.filter(({ key }) => isScopeKey(key));
    const records = invalidations.filter(({ key }) => !isScopeKey(key));
    const { tombstoneTtlMs } = this.#options;
    const keys = [
      ...this.#names.state,
      ...records.flatMap(({ key }) => [this.#names.record(key), this.#names.lease(key)]),
    ];
    const answer = await this.#run(
      this.#commands.tidemarkRaise(
        keys.length,
        ...keys,
        mark,
        expect ?? '',
        tombstoneTtlMs,
        tombstoneTtlMs / 2,
        advance ? 1 : 0,
        advance?.from.era ?? 0,
        advance?.from.xid ?? 0,
        advance?.to.era ?? 0,
        advance?.to.xid ?? 0,
        SCOPES_MAX,
        HISTORY_LENGTH_MAX,
        lineage,
        scopes.length,
        ...scopes.flatMap(({ key, version }) => [key, version.era, version.n]),
        ...records.flatMap(({ version }) => [version.era, version.n]),
      ),
    );
    const [outcome, text] = answer as [StoreBatchResult['outcome'], string];
    return { outcome, meta: text === '' ? null : this.#readMeta(text) };
  }

  async #hold(redisKey: string, holder: string, ttlMs: number, althoughFull: boolean): Promise<boolean> {
    const held = await this.#run(
      this.#commands.tidemarkHold(1, redisKey, holder, Math.max(1, Math.ceil(ttlMs)), althoughFull ? 1 : 0),
    );
    return held === 1;
  }

  #readMeta(text: string): StoreMeta {
    const meta = readMeta(text);
    if (!meta)
      throw new FormatError(`${this.#names.meta} holds what is not a meta: delete it, the region resyncs`);
    return meta;
  }

  #run<T>(command: Promise<T>): Promise<T> {
    return this.#connection.run(command);
  }
}

/** Names lie in the meta between spaces. */
function checkName(what: string, name: string): void {
  if (/^[!-~]{1,64}$/.test(name)) return;
  throw new FormatError(`${what} ${JSON.stringify(name)} is not 1 to 64 visible ASCII characters`);
}

function toBuffer(data: Uint8Array | null): Buffer | string {
  return data === null ? '' : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** Another program's data where a hash should be. */
function wrongType(error: unknown): null {
  if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return null;
  throw error;
}

/**
 * Connects to a region's Redis. Resolves also when it can't be reached yet: the store then rejects
 * until it is there.
 *
 * @throws ConfigurationError for options that can't work
 */
export async function redisStore(options: RedisStoreOptions): Promise<RedisStore> {
  const resolved = resolveRedisOptions(options);
  const connection = new Connection(resolved);
  const store = new RedisStore(resolved, connection);
  await connection.opened();
  return store;
}
