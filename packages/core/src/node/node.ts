import type { AnyGroup, Group } from '../groups/group.ts';
import { type CollectOptions, GroupEngine } from '../groups/group-engine.ts';
import type { GroupEntry, StageOptions } from '../groups/group-stager.ts';
import type { GroupView } from '../groups/group-view.ts';
import type { Params, ParamTypes } from '../keyspace/params.ts';
import { ClosedError, ConfigurationError } from '../ports/errors.ts';
import type { GenerationInfo, Swapped, SwapRequest } from '../ports/groups.ts';
import type { KeyReads } from '../ports/popularity.ts';
import type { Committed } from '../ports/source.ts';
import type { Generation } from '../protocol/generation.ts';
import type { Version } from '../protocol/version.ts';
import { Session } from '../session/session.ts';
import { Applier } from '../roles/applier.ts';
import { Relay } from '../roles/relay.ts';
import type { ReadOptions, WriteOptions, Written } from './call-options.ts';
import type { Consistency } from './consistency.ts';
import { FeedFollower } from './feed-follower.ts';
import { feedListener } from './feed-listener.ts';
import type { AnyKeyspace, NodeOptions, ResolvedOptions, TypedKeyspace } from './options.ts';
import { resolveOptions } from './options.ts';
import type { L1Entry } from './l1-entry.ts';
import { HotKeys } from './hot-keys.ts';
import { L1Front } from './l1-front.ts';
import type { L1Reader } from './l1-reader.ts';
import { RefreshAhead } from './refresh-ahead.ts';
import { readMany } from './read-many.ts';
import { ReadPath } from './read-path.ts';
import { Refresher } from './refresher.ts';
import type { ReadResult } from './read-result.ts';
import type { NodeStats } from '../protocol/node-stats.ts';
import { newCounters } from './stats.ts';
import { type RetainedVersion, type RollbackOptions, VersionHistory } from './version-history.ts';
import { WritePath, type WriteTransaction } from './write-path.ts';
import { Answerer } from './answerer.ts';

const FEED_WAIT_MS = 5_000;

/**
 * One process' cache over its region: reads through L1, L2 and the source; versioned writes.
 * Made by `startNode`; close it when the process ends.
 */
export class TidemarkNode<Tx = unknown> {
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #keyspaces: ReadonlySet<AnyKeyspace>;
  readonly #counters = newCounters();
  readonly #reads: ReadPath;
  readonly #l1: L1Reader;
  readonly #writes: WritePath;
  readonly #refresher: Refresher;
  readonly #hot: HotKeys;
  readonly #ahead: RefreshAhead;
  readonly #groups: GroupEngine;
  readonly #history: VersionHistory;
  readonly #feed: FeedFollower | null;
  readonly #answerer: Answerer | null;
  readonly #roles: readonly (Relay | Applier)[];
  #closed = false;
  #unobserve: () => void = () => {};
  /** While reads are eventual by default. */
  readonly #fronts: ReadonlyMap<AnyKeyspace, L1Front>;
  #lastKeyspace: AnyKeyspace | null = null;
  /** That keyspace's. */
  #front: L1Front | null = null;

  /** @internal use `startNode` */
  constructor(
    options: ResolvedOptions<unknown, unknown>,
    { keyspaces, groups = [] }: Pick<NodeOptions, 'keyspaces' | 'groups'>,
  ) {
    this.#options = options;
    this.#keyspaces = new Set(keyspaces);
    const fronted = options.consistency === 'eventual' ? keyspaces : [];
    this.#fronts = new Map(
      fronted.flatMap((each) => (each.atHand === null ? [] : [[each, new L1Front(each.atHand)]])),
    );
    this.#reads = new ReadPath(options, this.#counters);
    this.#l1 = this.#reads.l1Reader;
    this.#writes = new WritePath(options, this.#reads, this.#counters);
    this.#refresher = new Refresher(options, this.#reads);
    this.#hot = new HotKeys(options, () => this.#reads.l1.tellHits());
    this.#ahead = new RefreshAhead(options, this.#reads, this.#hot);
    this.#reads.onHits = (key, times) => this.#hot.count(key, times);
    this.#reads.onMiss = (key) => this.#hot.countOne(key);
    this.#reads.onDrop = (key, version) => this.#refresher.dropped(key, version);
    this.#history = new VersionHistory(options, this.#writes);
    this.#groups = new GroupEngine(options, groups, {
      reads: this.#reads,
      writes: this.#writes,
      counters: this.#counters,
      closed: () => this.#closed,
    });
    this.#feed =
      options.bus &&
      new FeedFollower(options.bus, options, feedListener(options, this.#reads, this.#counters));
    this.#answerer =
      options.answers && options.bus ? new Answerer(options.bus, options, this.#reads, this) : null;
    this.#roles = [
      ...(options.relay ? [new Relay(options.source!, options.bus!, options)] : []),
      ...(options.applier ? [new Applier(options.source!, options.bus!, options.store!, options)] : []),
    ];
  }

  /** @internal use `startNode` */
  async start(): Promise<void> {
    await Promise.all([this.#feed?.start(), this.#answerer?.start()]);
    for (const role of this.#roles) role.start();
    this.#ahead.start();
    this.#hot.start();
    this.#unobserve = this.#options.telemetry.observe?.(() => this.stats()) ?? this.#unobserve;
  }

  /** The value of one key, frozen; null when the source has none. */
  get<P extends ParamTypes, V>(
    keyspace: TypedKeyspace<P, V>,
    params: Params<P>,
    options?: ReadOptions,
  ): Promise<V | null> {
    const near = this.#near(keyspace, params, options);
    if (near !== undefined) return near.promised() as Promise<V | null>;
    const key = keyspace.key(params);
    const consistency = options?.consistency ?? this.#options.consistency;
    const hit = this.#hit(keyspace, params, key, consistency);
    if (hit !== undefined) return Promise.resolve(hit.value as V | null);
    return this.#reads.missValue(keyspace, params, key, consistency) as Promise<V | null>;
  }

  /** Like `get`, and says where the value came from and how old it may be. */
  async read<P extends ParamTypes, V>(
    keyspace: TypedKeyspace<P, V>,
    params: Params<P>,
    options?: ReadOptions,
  ): Promise<ReadResult<V>> {
    const key = this.#key(keyspace, params);
    const consistency = options?.consistency ?? this.#options.consistency;
    const hit = this.#l1.hit(keyspace, params, key, consistency);
    const result = hit
      ? this.#l1.describe(hit, consistency)
      : await this.#reads.miss(keyspace, params, key, consistency);
    return result as ReadResult<V>;
  }

  /** What L1 holds for the key, without a promise and without I/O; undefined when it can't answer. */
  peek<P extends ParamTypes, V>(
    keyspace: TypedKeyspace<P, V>,
    params: Params<P>,
    options?: ReadOptions,
  ): V | null | undefined {
    const near = this.#near(keyspace, params, options);
    if (near !== undefined) return near.value as V | null;
    const consistency = options?.consistency ?? this.#options.consistency;
    return this.#hit(keyspace, params, keyspace.key(params), consistency)?.value as V | null | undefined;
  }

  /** Many values in the order asked: one store command, and one batched load with `loadMany`. */
  async getMany<P extends ParamTypes, V>(
    keyspace: TypedKeyspace<P, V>,
    params: readonly Params<P>[],
    options?: ReadOptions,
  ): Promise<(V | null)[]> {
    const consistency = options?.consistency ?? this.#options.consistency;
    const keys = params.map((each) => this.#key(keyspace, each));
    const values = await readMany(this.#reads, keyspace, params, keys, consistency);
    return values as (V | null)[];
  }

  /**
   * Runs `work` in one transaction of the source. When it resolves, the write is committed and this
   * region is told; the other regions are on their way.
   */
  async write<T>(
    work: (tx: WriteTransaction<Tx>) => Promise<T>,
    options: WriteOptions = {},
  ): Promise<Written<T>> {
    if (this.#closed) throw new ClosedError();
    return this.#written(
      await this.#writes.write(work as (tx: WriteTransaction<unknown>) => Promise<T>),
      options,
    );
  }

  /**
   * A new session, or the one that a token tells of. Give it to reads as their `consistency`, and to writes.
   *
   * @throws SessionTokenError for a token that no node with this node's secrets has made
   */
  session(token?: string): Session {
    return new Session(this.#options.sessionSecrets, token);
  }

  /**
   * Puts members into a new generation of a group, in batches; nobody sees them until it is swapped
   * in. Rejects with a `StageInterruptedError` that names the generation, so that it can go on.
   */
  stage<P extends ParamTypes, V>(
    group: Group<P, V>,
    entries: AsyncIterable<GroupEntry<P, V>> | Iterable<GroupEntry<P, V>>,
    options: StageOptions = {},
  ): Promise<Generation> {
    return this.#groups.stage(group, entries, options);
  }

  /**
   * Copies a sealed generation into this region's store, so that a swap meets a warm cache here too;
   * returns how many members the store took.
   */
  prefetch<P extends ParamTypes, V>(group: Group<P, V>, generation: Generation): Promise<number> {
    return this.#groups.prefetch(group, generation);
  }

  /**
   * Makes a generation the one that new views read, in every region. Rejects with a
   * `SwapConflictError` when `from` is given and not current.
   */
  async swap<P extends ParamTypes, V>(
    group: Group<P, V>,
    to: Generation,
    request: SwapRequest & WriteOptions = {},
  ): Promise<Written<Swapped>> {
    return this.#written(await this.#groups.swap(group, to, request), request);
  }

  /** Swaps back: to the given generation, or to the one that became current before this one. */
  rollback<P extends ParamTypes, V>(
    group: Group<P, V>,
    to?: Generation,
    request?: SwapRequest & WriteOptions,
  ): Promise<Written<Swapped>>;
  /**
   * Gives a key the value of an earlier version, in every region, until its next ordinary write. The
   * rollback is a new version. Needs a keyspace with `retain`; goes back to what this region kept.
   *
   * Rejects with a `VersionGoneError`, or with a `RollbackConflictError` when the key changes meanwhile.
   */
  rollback<P extends ParamTypes, V>(
    keyspace: TypedKeyspace<P, V>,
    params: Params<P>,
    options?: RollbackOptions & WriteOptions,
  ): Promise<Written<{ readonly version: Version }>>;
  async rollback(
    what: AnyGroup | AnyKeyspace,
    where?: Generation | Params<ParamTypes>,
    how: (SwapRequest | RollbackOptions) & WriteOptions = {},
  ): Promise<Written<unknown>> {
    if ('kind' in what) {
      const to = (where as Generation | undefined) ?? null;
      return this.#written(await this.#groups.rollback(what, to, how as SwapRequest), how);
    }
    const params = where as Params<ParamTypes>;
    this.#key(what, params);
    return this.#written(await this.#history.rollback(what, params, how as RollbackOptions), how);
  }

  /** What this region keeps of a key of a keyspace with `retain`, newest version first; plain data. */
  async versions<P extends ParamTypes, V>(
    keyspace: TypedKeyspace<P, V>,
    params: Params<P>,
  ): Promise<RetainedVersion[]> {
    this.#key(keyspace, params);
    return this.#history.versions(keyspace, params);
  }

  /** Reads which generation is current, once; all that the view reads belongs to it. */
  view<P extends ParamTypes, V>(group: Group<P, V>, options?: ReadOptions): Promise<GroupView<P, V>> {
    return this.#groups.view(group, options?.consistency ?? this.#options.consistency);
  }

  /** What the source keeps of a group, oldest first; plain data. */
  generations<P extends ParamTypes, V>(group: Group<P, V>): Promise<GenerationInfo[]> {
    return this.#groups.generations(group);
  }

  /** Deletes old generations from the source, and says which. */
  collectGenerations<P extends ParamTypes, V>(
    group: Group<P, V>,
    options: CollectOptions = {},
  ): Promise<Generation[]> {
    return this.#groups.collect(group, options);
  }

  /** Counts since the start, and the current staleness bound. */
  stats(): NodeStats {
    const { l1Misses, ...counters } = this.#counters;
    return {
      ...counters,
      reads: counters.l1Hits + l1Misses,
      ...this.#reads.gauges,
      stalenessBoundMs: this.#options.runtime.monoMs() - this.#reads.proof.closedMs,
    };
  }

  /** Every L1 entry with its key, for verifiers. */
  *l1Entries(): Generator<readonly [key: string, value: unknown]> {
    for (const [key, entry] of this.#reads.l1.entries()) yield [key, entry.value];
  }

  /** What this node reads most, most read first. */
  hotKeys(limit = 100): KeyReads[] {
    return this.#hot.top(limit);
  }

  /** What the region's nodes read most; rejects while its store is away. */
  regionHotKeys(limit = 100): Promise<KeyReads[]> {
    return this.#hot.ofRegion(limit);
  }

  /**
   * Takes the region's hottest keys from its store into L1, before the process takes traffic; never loads. Returns
   * how many of them L1 has then. Waits 5 s at most for the region's feed: before, L1 takes nothing.
   */
  async preload(limit = 1_000): Promise<number> {
    await this.#feed?.joined(FEED_WAIT_MS);
    return this.#reads.preload((await this.#hot.ofRegion(limit)).map(({ key }) => key));
  }

  /** Stops the roles, sends what is queued, and leaves store, bus and source open for their owner. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#unobserve();
    this.#lastKeyspace = null;
    this.#ahead.stop();
    await this.#hot.close();
    await Promise.all([this.#feed?.stop(), this.#answerer?.stop()]);
    await Promise.all(this.#roles.map((role) => role.stop()));
    await this.#writes.close();
    await this.#refresher.close();
    this.#reads.reset(false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #key(keyspace: AnyKeyspace, params: Params<ParamTypes>): string {
    if (keyspace !== this.#lastKeyspace) this.#enter(keyspace);
    return keyspace.key(params);
  }

  /** The entry of an eventual read, when it is at hand. */
  #near(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    options: ReadOptions | undefined,
  ): L1Entry | undefined {
    if (keyspace !== this.#lastKeyspace) this.#enter(keyspace);
    if (options !== undefined || this.#front === null) return undefined;
    const entry = this.#front.get(params);
    return entry !== undefined && this.#l1.serves(keyspace, params, entry) ? entry : undefined;
  }

  #hit(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    consistency: Consistency,
  ): L1Entry | undefined {
    const entry = this.#l1.hit(keyspace, params, key, consistency);
    if (entry !== undefined) this.#front?.put(params, entry);
    return entry;
  }

  /** Reads mostly go on with the keyspace of the read before: what is known of that one is kept. */
  #enter(keyspace: AnyKeyspace): void {
    if (this.#closed) throw new ClosedError();
    if (!this.#keyspaces.has(keyspace)) {
      throw new ConfigurationError(
        `keyspace ${keyspace.name} is not one of this node's; add it to startNode's keyspaces`,
      );
    }
    this.#lastKeyspace = keyspace;
    this.#front = this.#fronts.get(keyspace) ?? null;
  }

  #written<T>(committed: Committed<T>, options: WriteOptions): Written<T> {
    this.#refresher.written(committed.invalidations);
    const session = options.session ?? this.session();
    session.wrote(committed.invalidations);
    return { ...committed, session };
  }
}

/**
 * Starts a node.
 *
 * With nothing but keyspaces it caches in this process; a store, a bus and a source make it a
 * member of its region. Store, bus and source stay the caller's: close them after the node.
 *
 * @throws ConfigurationError for options that can't work
 */
export async function startNode<Db = unknown, Tx = unknown>(
  options: NodeOptions<Db, Tx>,
): Promise<TidemarkNode<Tx>> {
  const node = new TidemarkNode<Tx>(resolveOptions(options) as ResolvedOptions<unknown, unknown>, options);
  await node.start();
  return node;
}
