import { type Duration, durationMs } from '../keyspace/duration.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { ParamTypes } from '../keyspace/params.ts';
import { Causes } from '../node/causes.ts';
import type { Consistency } from '../node/consistency.ts';
import type { ResolvedOptions } from '../node/options.ts';
import type { ReadPath } from '../node/read-path.ts';
import type { Counters } from '../node/stats.ts';
import { StoreFiller } from '../node/store-filler.ts';
import type { WritePath } from '../node/write-path.ts';
import { ClosedError, ConfigurationError } from '../ports/errors.ts';
import { GroupEmptyError } from '../ports/group-errors.ts';
import type { GenerationInfo, GroupSource, Swapped, SwapRequest } from '../ports/groups.ts';
import type { Committed } from '../ports/source.ts';
import type { Generation } from '../protocol/generation.ts';
import type { AnyGroup, Group } from './group.ts';
import { memberKeyspace, type MemberKeyspace, type Pointer, pointerKeyspace } from './group-keyspaces.ts';
import { type GroupEntry, GroupStager, type StageOptions } from './group-stager.ts';
import { GroupFiller } from './group-filler.ts';
import { GroupView, type ViewParts } from './group-view.ts';

/** Generations whose keyspace is kept at hand, so that opening a view allocates little. */
const KEYSPACES_MAX = 64;

export interface CollectOptions {
  /** Retired generations that stay whatever their age. Default 2. */
  readonly keep?: number;
  /** How long a generation stays after it ceased to be current; longer than `viewLife`. Default 10 minutes. */
  readonly grace?: Duration;
  /** How long a generation that never was current stays after it was begun or sealed. Default 7 days. */
  readonly abandonedAfter?: Duration;
}

interface EngineParts {
  readonly reads: ReadPath;
  readonly writes: WritePath;
  readonly counters: Counters;
  readonly closed: () => boolean;
}

/** What a node does with groups. */
export class GroupEngine {
  readonly #groups: ReadonlySet<AnyGroup>;
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #parts: EngineParts;
  readonly #viewParts: ViewParts;
  readonly #pointers: Keyspace<{ group: 'string' }, Pointer, unknown> | null;
  readonly #filler: GroupFiller | null;
  readonly #stager: GroupStager | null;
  // By group and generation, in order of use.
  readonly #members = new Map<string, MemberKeyspace<ParamTypes, unknown>>();

  constructor(options: ResolvedOptions<unknown, unknown>, groups: readonly AnyGroup[], parts: EngineParts) {
    this.#options = options;
    this.#groups = new Set(groups);
    this.#parts = parts;
    this.#viewParts = { reads: parts.reads, runtime: options.runtime, assertOpen: () => this.#assertOpen() };
    const source = options.source?.groups ?? null;
    this.#pointers = source ? pointerKeyspace(source) : null;
    this.#filler =
      source &&
      new GroupFiller(
        source,
        new StoreFiller(options, parts.counters, new Causes(), parts.reads.trace),
        options,
      );
    this.#stager = source && new GroupStager(source, this.#filler!);
  }

  async stage<P extends ParamTypes, V>(
    group: Group<P, V>,
    entries: AsyncIterable<GroupEntry<P, V>> | Iterable<GroupEntry<P, V>>,
    options: StageOptions,
  ): Promise<Generation> {
    this.#source(group);
    return this.#stager!.stage(group, entries, options);
  }

  async prefetch<P extends ParamTypes, V>(group: Group<P, V>, generation: Generation): Promise<number> {
    this.#source(group);
    return this.#filler!.prefetch(group, generation);
  }

  async swap(group: AnyGroup, to: Generation, request: SwapRequest): Promise<Committed<Swapped>> {
    const source = this.#source(group);
    return this.#parts.writes.commit(() => source.swap(group.name, to, request));
  }

  async rollback(group: AnyGroup, to: Generation | null, request: SwapRequest): Promise<Committed<Swapped>> {
    const source = this.#source(group);
    return this.#parts.writes.commit(() => source.rollback(group.name, to, request));
  }

  async view<P extends ParamTypes, V>(
    group: Group<P, V>,
    consistency: Consistency,
  ): Promise<GroupView<P, V>> {
    const source = this.#source(group);
    // Before the pointer is read: the generation was current at some time after this, or staler.
    const openedAtMs = this.#options.runtime.monoMs();
    const pointer = await this.#pointer(group.name, consistency);
    if (!pointer) throw new GroupEmptyError(group.name, 'current');
    const members = this.#membersOf(source, group, pointer.generation);
    return new GroupView(group, members, this.#viewParts, openedAtMs);
  }

  async generations(group: AnyGroup): Promise<GenerationInfo[]> {
    return this.#source(group).list(group.name);
  }

  async collect(group: AnyGroup, options: CollectOptions): Promise<Generation[]> {
    const source = this.#source(group);
    const { keep = 2 } = options;
    if (!Number.isSafeInteger(keep) || keep < 0)
      throw new ConfigurationError(`collectGenerations: keep must be a whole number from 0, got ${keep}`);
    const graceMs = durationMs(options.grace ?? '10m', 'collectGenerations: grace');
    if (graceMs <= group.viewLifeMs) {
      throw new ConfigurationError(
        `collectGenerations: a grace of ${graceMs} ms must be longer than the ${group.viewLifeMs} ms ` +
          `for which a view of group ${group.name} may read a generation`,
      );
    }
    const abandonedMs = durationMs(options.abandonedAfter ?? '7d', 'collectGenerations: abandonedAfter');
    return source.collect(group.name, { keep, graceMs, abandonedMs });
  }

  async #pointer(name: string, consistency: Consistency): Promise<Pointer | null> {
    const { reads } = this.#parts;
    const keyspace = this.#pointers!;
    const params = { group: name };
    const key = keyspace.key(params);
    const hit = reads.l1Reader.hit(keyspace, params, key, consistency);
    const { value } = hit ?? (await reads.miss(keyspace, params, key, consistency));
    return value as Pointer | null;
  }

  #membersOf<P extends ParamTypes, V>(
    source: GroupSource,
    group: Group<P, V>,
    generation: Generation,
  ): MemberKeyspace<P, V> {
    const name = `${group.name}:${generation}`;
    const known = this.#members.get(name);
    if (known) return known as unknown as MemberKeyspace<P, V>;
    const made = memberKeyspace(source, group, generation);
    if (this.#members.size >= KEYSPACES_MAX) this.#members.delete(this.#members.keys().next().value!);
    this.#members.set(name, made as unknown as MemberKeyspace<ParamTypes, unknown>);
    return made;
  }

  /** @throws ClosedError, or ConfigurationError for a group that is not this node's */
  #source(group: AnyGroup): GroupSource {
    this.#assertOpen();
    if (!this.#groups.has(group)) {
      throw new ConfigurationError(
        `group ${group.name} is not one of this node's; add it to startNode's groups`,
      );
    }
    return this.#options.source!.groups!;
  }

  #assertOpen(): void {
    if (this.#parts.closed()) throw new ClosedError();
  }
}
