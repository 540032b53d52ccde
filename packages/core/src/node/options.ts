import type { Bus } from '../ports/bus.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { SourceOfTruth } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { noTelemetry } from '../ports/telemetry.ts';
import { ConfigurationError } from '../ports/errors.ts';
import { type Duration, durationMs } from '../keyspace/duration.ts';
import type { Codec } from '../keyspace/codec.ts';
import { jsonCodec } from '../keyspace/codec.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { AnyGroup } from '../groups/group.ts';
import type { ParamTypes } from '../keyspace/params.ts';
import { keyspaceOf } from '../protocol/key.ts';
import { isId } from '../protocol/wire-envelope.ts';
import { systemRuntime } from '../runtime/system-runtime.ts';
import { type BreakerOptions, type BreakerRule, breakerRule } from './circuit-breaker.ts';
import type { Consistency } from './consistency.ts';
import { hotKeysMax } from './hot-keys.ts';
import { type RefreshAheadOptions, type RefreshAheadRule, refreshAheadRule } from './refresh-ahead.ts';

const SECRET_LENGTH_MIN = 16;
const STORE_BREAKER: BreakerRule = { failures: 5, resetAfterMs: 1_000 };
const SOURCE_BREAKER: BreakerRule = { failures: 20, resetAfterMs: 1_000 };

/** Any keyspace, whatever its types. */
// oxlint-disable-next-line typescript/no-explicit-any -- a list of keyspaces of different types has no narrower type
export type AnyKeyspace = Keyspace<any, any, any>;

/** A keyspace of known parameters and values, whatever its loader reads with. */
// oxlint-disable-next-line typescript/no-explicit-any -- the loader's reader is the source's business
export type TypedKeyspace<P extends ParamTypes, V> = Keyspace<P, V, any>;

export interface NodeOptions<Db = unknown, Tx = unknown> {
  readonly keyspaces: readonly AnyKeyspace[];
  /** Keys that become visible together. They need a source that keeps groups. */
  readonly groups?: readonly AnyGroup[];
  /** The region's shared tier (L2). Without one the L1 is the only tier. */
  readonly store?: Store;
  /** Carries invalidations. Without one, a node with a store keeps no L1. */
  readonly bus?: Bus;
  /** Mints versions. Without one, loaders bring their own data access and values have no version. */
  readonly source?: SourceOfTruth<Db, Tx>;
  /** Roles this node offers to take; of all candidates one leads. Default: both, with a source and a bus. */
  readonly roles?: { readonly relay?: boolean; readonly applier?: boolean };
  /** Consistency of reads that don't choose. Default `eventual`. */
  readonly consistency?: Consistency;
  /**
   * Sign session tokens: the first signs, all are accepted, so that they can be changed one by one. At
   * least 16 characters each, the same in every region.
   */
  readonly sessionSecrets?: readonly string[];
  /**
   * Asks for labels again after each load, and caches only what did not move meanwhile. A session needs it to
   * never go back: else a cached value may be newer than its label says, and another region's older, under the
   * same label. So all nodes that share a store with one that hands out sessions need it. One more version query
   * for each load. Default: true with `sessionSecrets`.
   */
  readonly exactLabels?: boolean;
  /** Default 10,000. */
  readonly l1EntriesMax?: number;
  /** Memory for L1 values, about; the least recently read goes first. Default 64 MiB. */
  readonly l1BytesMax?: number;
  /** Hard timeout of one load. Default 10 s; must stay below half the store's tombstone life. */
  readonly loadTimeout?: Duration;
  /** Loads at a time. Default 32. */
  readonly loadConcurrencyMax?: number;
  /** Loads that may wait for their turn; one more is shed. Default 10,000. */
  readonly loadQueueMax?: number;
  /** How long a reader waits for another process that loads the same key. Default 2 s. */
  readonly leaseWait?: Duration;
  /**
   * When reads go on without a store that fails, or hangs until its command timeout. Default: after 5 failures
   * in a row, for 1 s at first. False: each read tries.
   */
  readonly storeBreaker?: BreakerOptions | false;
  /** When loads of a keyspace fail at once with `E_CIRCUIT_OPEN`. Default: after 20 failures in a row, for 1 s at first. */
  readonly sourceBreaker?: BreakerOptions | false;
  /** Reloads the hottest keys before their TTL ends. Left out: only the reads of a key have it reloaded. */
  readonly refreshAhead?: RefreshAheadOptions;
  /**
   * Keys whose reads are counted, and told to the region. Default 10,000, at most 100,000. 0: none, for a process
   * whose reads are nobody's, such as a warm-up.
   */
  readonly hotKeysMax?: number;
  /** How often freshness is proven anew. Default 500 ms. */
  readonly pingInterval?: Duration;
  /** How the node names itself to those who ask; at most 64 characters. Default: random. */
  readonly id?: string;
  /** Answers questions about what it holds, such as the verifier's; facts and never values. Default: true, with a bus. */
  readonly answers?: boolean;
  readonly codec?: Codec;
  readonly telemetry?: Telemetry;
  readonly runtime?: Runtime;
}

/** Options with defaults filled in and durations in ms. */
export interface ResolvedOptions<Db, Tx> {
  readonly store: Store | null;
  readonly bus: Bus | null;
  readonly source: SourceOfTruth<Db, Tx> | null;
  /** The node's keyspace that a key belongs to. */
  readonly keyspaceOf: (key: string) => AnyKeyspace | undefined;
  readonly relay: boolean;
  readonly applier: boolean;
  readonly consistency: Consistency;
  readonly sessionSecrets: readonly string[];
  readonly exactLabels: boolean;
  readonly l1EntriesMax: number;
  readonly l1BytesMax: number;
  /** Null for none. */
  readonly storeBreaker: BreakerRule | null;
  readonly sourceBreaker: BreakerRule | null;
  readonly refreshAhead: RefreshAheadRule | null;
  readonly hotKeysMax: number;
  readonly loadTimeoutMs: number;
  readonly loadConcurrencyMax: number;
  readonly loadQueueMax: number;
  readonly leaseWaitMs: number;
  readonly pingIntervalMs: number;
  readonly id: string | null;
  readonly answers: boolean;
  readonly codec: Codec;
  readonly telemetry: Telemetry;
  readonly runtime: Runtime;
}

/** @throws ConfigurationError naming the option that is wrong */
export function resolveOptions<Db, Tx>(options: NodeOptions<Db, Tx>): ResolvedOptions<Db, Tx> {
  const byName = new Map<string, AnyKeyspace>();
  for (const each of options.keyspaces) {
    const { name, dependsOn, onWrite } = each;
    if (dependsOn && !options.source) {
      throw new ConfigurationError(`keyspace ${name}: dependsOn needs a source, which knows what changed`);
    }
    if (onWrite !== 'invalidate' && !options.source) {
      throw new ConfigurationError(`keyspace ${name}: onWrite '${onWrite}' needs a source`);
    }
    if (each.retain > 0 && !(options.store && options.source?.pins)) {
      throw new ConfigurationError(
        `keyspace ${name}: retain needs a store, and a source that keeps rollbacks`,
      );
    }
    if (byName.has(name))
      throw new ConfigurationError(`keyspaces: ${name} is there twice; names must be unique`);
    byName.set(name, each);
  }
  checkGroups(options.groups ?? [], options.source);
  const rolesPossible = options.source !== undefined && options.bus !== undefined;
  const applierPossible = rolesPossible && options.store !== undefined;
  if (options.roles?.relay && !rolesPossible)
    throw new ConfigurationError('roles.relay needs a source and a bus');
  if (options.roles?.applier && !applierPossible) {
    throw new ConfigurationError('roles.applier needs a source, a bus and a store');
  }
  return {
    store: options.store ?? null,
    bus: options.bus ?? null,
    source: options.source ?? null,
    keyspaceOf: (key) => byName.get(keyspaceOf(key)),
    relay: options.roles?.relay ?? rolesPossible,
    applier: options.roles?.applier ?? applierPossible,
    consistency: options.consistency ?? 'eventual',
    sessionSecrets: secrets(options.sessionSecrets ?? []),
    exactLabels: options.exactLabels ?? (options.sessionSecrets ?? []).length > 0,
    l1EntriesMax: count(options.l1EntriesMax ?? 10_000, 'l1EntriesMax'),
    l1BytesMax: count(options.l1BytesMax ?? 64 * 1024 * 1024, 'l1BytesMax'),
    storeBreaker: breakerRule(options.storeBreaker, 'storeBreaker', STORE_BREAKER),
    sourceBreaker: breakerRule(options.sourceBreaker, 'sourceBreaker', SOURCE_BREAKER),
    refreshAhead: refreshAheadRule(options.refreshAhead),
    hotKeysMax: hotKeysMax(options.hotKeysMax),
    loadTimeoutMs: durationMs(options.loadTimeout ?? '10s', 'loadTimeout'),
    loadConcurrencyMax: count(options.loadConcurrencyMax ?? 32, 'loadConcurrencyMax'),
    loadQueueMax: count(options.loadQueueMax ?? 10_000, 'loadQueueMax'),
    leaseWaitMs: durationMs(options.leaseWait ?? '2s', 'leaseWait'),
    pingIntervalMs: durationMs(options.pingInterval ?? 500, 'pingInterval'),
    id: nodeId(options.id),
    answers: options.answers ?? true,
    codec: options.codec ?? jsonCodec,
    telemetry: options.telemetry ?? noTelemetry,
    runtime: options.runtime ?? systemRuntime,
  };
}

function checkGroups(groups: readonly AnyGroup[], source: SourceOfTruth | undefined): void {
  if (groups.length === 0) return;
  if (!source?.groups) throw new ConfigurationError('groups need a source that keeps them');
  const names = new Set(groups.map(({ name }) => name));
  if (names.size < groups.length) throw new ConfigurationError('groups: names must be unique');
}

function secrets(values: readonly string[]): readonly string[] {
  for (const value of values) {
    if (typeof value !== 'string' || value.length < SECRET_LENGTH_MIN) {
      throw new ConfigurationError(`sessionSecrets: each needs at least ${SECRET_LENGTH_MIN} characters`);
    }
  }
  return values;
}

function nodeId(id: string | undefined): string | null {
  if (id === undefined) return null;
  if (isId(id)) return id;
  throw new ConfigurationError(`id must have 1 to 64 characters, got ${JSON.stringify(id)}`);
}

function count(value: number, name: string): number {
  if (!Number.isInteger(value) || value < 1) {
    throw new ConfigurationError(`${name} must be a whole number from 1, got ${value}`);
  }
  return value;
}
