import { deepFreeze, validate } from '../keyspace/codec.ts';
import type { ParamTypes } from '../keyspace/params.ts';
import type { AnyKeyspace, ResolvedOptions } from '../node/options.ts';
import { lifetime } from '../node/lifetime.ts';
import type { FillWord, StoreFiller } from '../node/store-filler.ts';
import { type GroupSource, MEMBER_BATCH_MAX, type StagedMember } from '../ports/groups.ts';
import type { SourceLabels } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import { type Generation, memberPrefix } from '../protocol/generation.ts';
import { partitionOf } from '../protocol/partition.ts';
import type { StoreMeta } from '../protocol/record.ts';
import type { Group } from './group.ts';
import { memberKeyspace, type MemberKeyspace } from './group-keyspaces.ts';

/** Fills under way at a time while a batch is put into the store. */
const FILLS_MAX = 64;

/** A member as the source keeps it, and as readers get it. */
export interface DecodedMember extends StagedMember {
  /** Key in caches. */
  readonly cacheKey: string;
  readonly decoded: unknown;
}

/** What store and source showed before a batch was staged. */
interface Look {
  /** Of each partition of the store; null for one that is away or new. */
  readonly metas: readonly (StoreMeta | null)[];
  readonly labels: SourceLabels;
}

/** @throws SchemaError for a value that the group's schema rejects */
export function decodeMember<P extends ParamTypes, V>(
  members: MemberKeyspace<P, V>,
  { key, value }: StagedMember,
): DecodedMember {
  const cacheKey = `${memberPrefix(members.group, members.generation)}:${key}`;
  const decoded: unknown = deepFreeze(validate(cacheKey, members.schema, JSON.parse(value) as unknown));
  return { key, value, cacheKey, decoded };
}

/** Puts members into this region's store before anybody reads them. */
export class GroupFiller {
  readonly #groups: GroupSource;
  readonly #filler: StoreFiller;
  readonly #options: ResolvedOptions<unknown, unknown>;

  constructor(groups: GroupSource, filler: StoreFiller, options: ResolvedOptions<unknown, unknown>) {
    this.#groups = groups;
    this.#filler = filler;
    this.#options = options;
  }

  /** Copies a sealed generation into the store; returns how many members the store took. */
  async prefetch<P extends ParamTypes, V>(group: Group<P, V>, generation: Generation): Promise<number> {
    const members = memberKeyspace(this.#groups, group, generation);
    let filled = 0;
    for (let after: string | null = null; ;) {
      const page: StagedMember[] = await this.#groups.page(group.name, generation, after, MEMBER_BATCH_MAX);
      if (page.length === 0) return filled;
      after = page.at(-1)!.key;
      const batch = page.map((each) => decodeMember(members, each));
      // Labels after the values would be wrong for what may change; members can't.
      const look = await this.look(batch);
      if (look) filled += await this.fill(members, batch, look);
    }
  }

  /** What a fill has to show: an ordinary miss. Null when there is no store to fill. */
  async look(batch: readonly DecodedMember[]): Promise<Look | null> {
    const { store, source } = this.#options;
    if (!store) return null;
    const metas = await Promise.all((store.partitions ?? [store]).map((part) => this.#metaOf(part)));
    if (metas.every((meta) => meta === null)) return null;
    return { metas, labels: await source!.labels(batch.map(({ cacheKey }) => cacheKey)) };
  }

  async #metaOf(part: Store): Promise<StoreMeta | null> {
    try {
      return (await part.read([])).meta;
    } catch {
      this.#filler.failed('read');
      return null;
    }
  }

  /**
   * Through the ordinary fill; returns how many were admitted. Safe before the swap: a member that was
   * staged never changes, and absence is not filled.
   */
  async fill(
    members: AnyKeyspace,
    batch: readonly DecodedMember[],
    { metas, labels }: Look,
  ): Promise<number> {
    const { asOf, versions, scopes } = labels;
    const startedAtMs = this.#options.runtime.monoMs();
    let filled = 0;
    for (let start = 0; start < batch.length; start += FILLS_MAX) {
      const words = await Promise.all(
        batch.slice(start, start + FILLS_MAX).map(async ({ cacheKey, decoded }, i): Promise<FillWord> => {
          const label = { version: versions[start + i]!, scope: scopes[start + i]!, asOf };
          const loaded = {
            value: decoded,
            label,
            dependencies: [],
            startedAtMs,
            origin: 'primary' as const,
            moved: null,
            exact: false,
          };
          const life = lifetime(members, decoded, this.#options.runtime.random());
          const meta = metas[partitionOf(cacheKey, metas.length)];
          if (!meta) return 'refused';
          return this.#filler.fill({
            keyspace: members,
            key: cacheKey,
            meta,
            loaded,
            lease: null,
            lifetime: life,
            replaces: 'any',
            overtaken: false,
          });
        }),
      );
      filled += words.filter((word) => word === 'admitted').length;
      if (words.includes('away')) break; // The rest is filled when it is read.
    }
    return filled;
  }
}
