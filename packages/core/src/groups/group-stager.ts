import { deepFreeze, validate } from '../keyspace/codec.ts';
import type { Params, ParamTypes } from '../keyspace/params.ts';
import type { AnyKeyspace, ResolvedOptions } from '../node/options.ts';
import type { StoreFiller } from '../node/store-filler.ts';
import { SchemaError } from '../ports/errors.ts';
import { StageInterruptedError } from '../ports/group-errors.ts';
import { type GroupSource, MEMBER_BATCH_MAX, MEMBER_LENGTH_MAX, type StagedMember } from '../ports/groups.ts';
import type { Generation } from '../protocol/generation.ts';
import type { SourceLabels } from '../ports/source.ts';
import type { StoreMeta } from '../protocol/record.ts';
import type { Group } from './group.ts';
import { memberKeyspace, type MemberKeyspace } from './group-keyspaces.ts';

/** Characters of one batch after which it is sent. */
const BATCH_LENGTH_MAX = 1_048_576;
/** Fills under way at a time while a batch is put into the store. */
const FILLS_MAX = 64;

/** Parameters and value of one member. */
export type GroupEntry<P extends ParamTypes, V> = readonly [params: Params<P>, value: V];

export interface StageOptions {
  /** Goes on with a generation that was begun before; members that are there already are skipped. */
  readonly generation?: Generation;
  /** False leaves the generation open for more; it can't be swapped in until it is sealed. Default true. */
  readonly seal?: boolean;
}

/** A member as it goes to the source and, once it is there, into the store. */
interface Prepared extends StagedMember {
  /** Key in caches. */
  readonly cacheKey: string;
  readonly decoded: unknown;
}

/** What store and source showed before a batch was staged. */
interface Look {
  readonly meta: StoreMeta;
  readonly labels: SourceLabels;
}

/** Puts members into a new generation of the source, and into this region's store. */
export class GroupStager {
  readonly #groups: GroupSource;
  readonly #filler: StoreFiller;
  readonly #options: ResolvedOptions<unknown, unknown>;

  constructor(groups: GroupSource, filler: StoreFiller, options: ResolvedOptions<unknown, unknown>) {
    this.#groups = groups;
    this.#filler = filler;
    this.#options = options;
  }

  async stage<P extends ParamTypes, V>(
    group: Group<P, V>,
    entries: AsyncIterable<GroupEntry<P, V>> | Iterable<GroupEntry<P, V>>,
    options: StageOptions,
  ): Promise<Generation> {
    const generation = options.generation ?? (await this.#groups.begin(group.name));
    try {
      const members = memberKeyspace(this.#groups, group, generation);
      let batch: Prepared[] = [];
      let length = 0;
      for await (const [params, value] of entries) {
        const prepared = prepare(members, params, value);
        batch.push(prepared);
        length += prepared.value.length;
        if (batch.length < MEMBER_BATCH_MAX && length < BATCH_LENGTH_MAX) continue;
        await this.#put(members, batch);
        batch = [];
        length = 0;
      }
      if (batch.length > 0) await this.#put(members, batch);
      if (options.seal !== false) await this.#groups.seal(group.name, generation);
      return generation;
    } catch (error) {
      throw new StageInterruptedError(group.name, generation, error);
    }
  }

  async #put<P extends ParamTypes, V>(
    members: MemberKeyspace<P, V>,
    batch: readonly Prepared[],
  ): Promise<void> {
    const before = await this.#lookAtStore(batch);
    await this.#groups.stage(
      members.group,
      members.generation,
      batch.map(({ key, value }) => ({ key, value })),
    );
    if (before) await this.#fill(members, batch, before);
  }

  /** What a fill has to show, from before the value was there: an ordinary miss. */
  async #lookAtStore(batch: readonly Prepared[]): Promise<Look | null> {
    const { store, source } = this.#options;
    if (!store) return null;
    try {
      const [{ meta }, labels] = [
        await store.read([]),
        await source!.labels(batch.map(({ cacheKey }) => cacheKey)),
      ];
      return meta && { meta, labels };
    } catch {
      this.#filler.failed('read');
      return null;
    }
  }

  /**
   * Through the ordinary fill, so that the swap meets a warm cache. Safe before the swap: a member
   * that was staged never changes, and absence is not filled.
   */
  async #fill(members: AnyKeyspace, batch: readonly Prepared[], { meta, labels }: Look): Promise<void> {
    const { asOf, versions, scopes } = labels;
    const startedAtMs = this.#options.runtime.monoMs();
    for (let start = 0; start < batch.length; start += FILLS_MAX) {
      const words = await Promise.all(
        batch.slice(start, start + FILLS_MAX).map(({ cacheKey, decoded }, i) => {
          const label = { version: versions[start + i]!, scope: scopes[start + i]!, asOf };
          const loaded = {
            value: decoded,
            label,
            dependencies: [],
            startedAtMs,
            origin: 'primary' as const,
            exact: false,
          };
          return this.#filler.fill(members, cacheKey, meta, loaded, null);
        }),
      );
      if (words.includes('away')) return; // The rest is filled when it is read.
    }
  }
}

/** Checks a member, and turns it into what the source keeps and what a reader will get. */
function prepare<P extends ParamTypes, V>(
  members: MemberKeyspace<P, V>,
  params: Params<P>,
  value: V,
): Prepared {
  const cacheKey = members.key(params);
  if (value === null || value === undefined)
    throw new SchemaError(cacheKey, 'a member needs a value; leave out what is not there');
  validate(cacheKey, members.schema, value);
  const text = stringify(cacheKey, value);
  // What readers get is what the source gives back, not what the caller holds.
  const decoded: unknown = deepFreeze(validate(cacheKey, members.schema, JSON.parse(text) as unknown));
  return { key: members.local(params), value: text, cacheKey, decoded };
}

function stringify(key: string, value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new SchemaError(key, `it is not JSON (${String(error)})`);
  }
  if (text === undefined || text === 'null') throw new SchemaError(key, 'it is not JSON');
  if (text.length > MEMBER_LENGTH_MAX) {
    throw new SchemaError(
      key,
      `its JSON has ${text.length} characters, at most ${MEMBER_LENGTH_MAX} are allowed`,
    );
  }
  return text;
}
