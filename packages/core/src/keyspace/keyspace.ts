import type { StandardSchemaV1 } from '@standard-schema/spec';
import { ConfigurationError } from '../ports/errors.ts';
import type { SqlExecutor } from '../ports/sql.ts';
import { isKeyspaceName } from '../protocol/key.ts';
import { RETAIN_MAX } from '../protocol/retained.ts';
import { type Duration, durationMs } from './duration.ts';
import { type EarlyRefresh, type EarlyRule, earlyRule } from './early-refresh.ts';
import { isInvertible, keyDecoder, keyEncoder, type Params, type ParamTypes } from './params.ts';
import { RESERVED_KEYSPACES } from './tag.ts';

/** What a loader gets besides its parameters. */
export interface LoadContext<Db> {
  /** The source's reader, for example a SQL executor. */
  readonly db: Db;
  /** Aborts at the load's hard timeout. */
  readonly signal: AbortSignal;
  /**
   * The value also depends on these keys: `keyspace.key(params)`, `tag(name)`, or the name of a
   * keyspace for all of it. Await it *before* you read what they stand for.
   */
  readonly depend: (...keys: readonly string[]) => Promise<void>;
}

export type OnWrite = 'invalidate' | 'update' | 'refresh';

export interface KeyspaceOptions<P extends ParamTypes, V, Db> {
  /** Lower-case letters, digits, `-` and `_`; the first part of every key. */
  readonly name: string;
  /** Every parameter is part of the key. */
  readonly params: P;
  /** Reads one value from the source; null or undefined when there is none. */
  readonly load: (params: Params<P>, context: LoadContext<Db>) => Promise<V | null | undefined>;
  /** Reads many at once, in the order asked; used by `getMany` when given. */
  readonly loadMany?: (
    params: readonly Params<P>[],
    context: LoadContext<Db>,
  ) => Promise<readonly (V | null | undefined)[]>;
  /**
   * Keys that a value is made from, besides its own: any of them rising makes it stale. Give
   * `keyspace.key(params)`, `tag(name)`, or the name of a keyspace for all of it. At most 64.
   */
  readonly dependsOn?: (params: Params<P>) => readonly string[];
  /**
   * What a write leaves behind, besides the invalidation. `invalidate` (default): nothing. `update`: the
   * writing node loads the new value, fills its region, and ships values up to 16 KiB to the peers.
   * `refresh`: every node reloads in the background what it loses from L1.
   */
  readonly onWrite?: OnWrite;
  /**
   * Earlier values of each key that a region's store keeps, so that `rollback` can bring one back; at
   * most 16. Default 0. Loads then ask the source twice more, and never a replica.
   */
  readonly retain?: number;
  /** How long a key's earlier values are kept after its last load. Default 1 day. */
  readonly retainTtl?: Duration;
  /** Raise it when the shape of the value changes: old values are never read. Default 1. */
  readonly schemaVersion?: number;
  /** Any Standard Schema (zod, valibot, arktype); checked on load and on decode. */
  readonly schema?: StandardSchemaV1<unknown, V>;
  /** How long a value is fresh. Default 5 minutes. Invalidation, not the TTL, keeps it right. */
  readonly ttl?: Duration;
  /** How long a value past its TTL may be served while it is reloaded. Default 0. */
  readonly staleWhileRevalidate?: Duration;
  /**
   * How long a value past its TTL may be served when it can't be loaded: the load fails, takes longer than
   * `softTimeout`, or is shed. Never one that is known to be invalidated. Default 0.
   */
  readonly staleIfError?: Duration;
  /**
   * A reader waits no longer than this for a load when a value past its TTL can be served instead
   * (`staleIfError`). The load goes on and fills the caches. Default: as long as the load takes.
   */
  readonly softTimeout?: Duration;
  /**
   * A reader waits no longer than this for a load: then it gets a value past its TTL or, without one,
   * `E_LOAD_TIMEOUT`. The load goes on, up to the node's `loadTimeout`. Default: as long as the load takes.
   */
  readonly hardTimeout?: Duration;
  /** Reloads before the TTL ends, so that readers of a hot key never meet its end. Default `{ beta: 1 }`. */
  readonly earlyRefresh?: EarlyRefresh;
  /** Shortens each TTL by a random share up to this, 0 to 0.9: what came together does not end together. Default 0.1. */
  readonly ttlJitter?: number;
  /** How long absence is fresh. Default: 10 seconds, at most the TTL. */
  readonly negativeTtl?: Duration;
}

/** A typed family of keys. Made by `keyspace()`. */
export interface Keyspace<P extends ParamTypes = ParamTypes, V = unknown, Db = unknown> {
  readonly name: string;
  readonly schemaVersion: number;
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly negativeTtlMs: number;
  readonly staleIfErrorMs: number;
  /** Infinity for none. */
  readonly softTimeoutMs: number;
  /** Infinity for none. */
  readonly hardTimeoutMs: number;
  readonly early: EarlyRule;
  readonly ttlJitter: number;
  readonly schema: StandardSchemaV1<unknown, V> | undefined;
  readonly load: KeyspaceOptions<P, V, Db>['load'];
  readonly loadMany: KeyspaceOptions<P, V, Db>['loadMany'];
  readonly dependsOn: KeyspaceOptions<P, V, Db>['dependsOn'];
  readonly onWrite: OnWrite;
  readonly retain: number;
  readonly retainMs: number;
  /** Parameters by which nodes keep entries at hand; null when they keep none. */
  readonly atHand: ParamTypes | null;
  /** The key of one value, as it appears in stores, streams and the changelog. */
  key(params: Params<P>): string;
  /** The parameters that a key was made from; null for a key that `key` can't have made, or that has a digest. */
  params(key: string): Params<P> | null;
}

const ON_WRITE: readonly OnWrite[] = ['invalidate', 'update', 'refresh'];
const DEFAULT_TTL_MS = 5 * 60_000;
const DEFAULT_NEGATIVE_TTL_MS = 10_000;
const DEFAULT_TTL_JITTER = 0.1;
const TTL_JITTER_MAX = 0.9;

/**
 * Declares a keyspace.
 *
 * @throws ConfigurationError when a name, duration or schema version is not usable
 */
export function keyspace<const P extends ParamTypes, V, Db = SqlExecutor>(
  options: KeyspaceOptions<P, V, Db>,
): Keyspace<P, V, Db> {
  const { name, params } = options;
  if (!isKeyspaceName(name)) {
    throw new ConfigurationError(
      `keyspace name ${JSON.stringify(name)}: use 1 to 64 lower-case letters, digits, '-' or '_', a letter first`,
    );
  }
  if (RESERVED_KEYSPACES.has(name)) {
    throw new ConfigurationError(`keyspace name ${name} is reserved; choose another`);
  }
  if (Object.keys(params).length === 0) {
    throw new ConfigurationError(`keyspace ${name} needs at least one parameter`);
  }
  const onWrite = options.onWrite ?? 'invalidate';
  if (!ON_WRITE.includes(onWrite)) {
    throw new ConfigurationError(`keyspace ${name}, onWrite: use one of ${ON_WRITE.join(', ')}`);
  }
  if (onWrite !== 'invalidate' && !isInvertible(params)) {
    throw new ConfigurationError(
      `keyspace ${name}: onWrite '${onWrite}' reloads from the key, which a digest can't be read back from; ` +
        `leave it out, or make the parameter a string`,
    );
  }
  const schemaVersion = options.schemaVersion ?? 1;
  if (!Number.isInteger(schemaVersion) || schemaVersion < 0 || schemaVersion > 0xffff_ffff) {
    throw new ConfigurationError(`keyspace ${name}: schemaVersion must be an integer from 0 to 2^32-1`);
  }
  const { retain = 0 } = options;
  if (!Number.isInteger(retain) || retain < 0 || retain > RETAIN_MAX) {
    throw new ConfigurationError(`keyspace ${name}: retain must be a whole number from 0 to ${RETAIN_MAX}`);
  }
  const ttlMs = durationMs(options.ttl ?? DEFAULT_TTL_MS, `keyspace ${name}, ttl`);
  const { ttlJitter = DEFAULT_TTL_JITTER } = options;
  if (!(ttlJitter >= 0 && ttlJitter <= TTL_JITTER_MAX)) {
    throw new ConfigurationError(`keyspace ${name}: ttlJitter must be a number from 0 to ${TTL_JITTER_MAX}`);
  }
  const timeout = (value: Duration | undefined, what: string): number =>
    value === undefined ? Number.POSITIVE_INFINITY : durationMs(value, `keyspace ${name}, ${what}`);
  return Object.freeze({
    name,
    schemaVersion,
    ttlMs,
    staleMs: durationMs(options.staleWhileRevalidate ?? 0, `keyspace ${name}, staleWhileRevalidate`),
    negativeTtlMs: durationMs(
      options.negativeTtl ?? Math.min(ttlMs, DEFAULT_NEGATIVE_TTL_MS),
      `keyspace ${name}, negativeTtl`,
    ),
    staleIfErrorMs: durationMs(options.staleIfError ?? 0, `keyspace ${name}, staleIfError`),
    softTimeoutMs: timeout(options.softTimeout, 'softTimeout'),
    hardTimeoutMs: timeout(options.hardTimeout, 'hardTimeout'),
    early: earlyRule(name, options.earlyRefresh ?? { beta: 1 }),
    ttlJitter,
    schema: options.schema,
    load: options.load,
    loadMany: options.loadMany,
    dependsOn: options.dependsOn,
    onWrite,
    retain,
    retainMs: durationMs(options.retainTtl ?? '1d', `keyspace ${name}, retainTtl`),
    atHand: { ...params },
    key: keyEncoder(name, params),
    params: keyDecoder(name, params),
  });
}
