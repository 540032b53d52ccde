import { validate } from '../keyspace/codec.ts';
import type { Params, ParamTypes } from '../keyspace/params.ts';
import { SchemaError } from '../ports/errors.ts';
import { StageInterruptedError } from '../ports/group-errors.ts';
import { type GroupSource, MEMBER_BATCH_MAX, MEMBER_LENGTH_MAX } from '../ports/groups.ts';
import type { Generation } from '../protocol/generation.ts';
import type { Group } from './group.ts';
import { type DecodedMember, decodeMember, type GroupFiller } from './group-filler.ts';
import { memberKeyspace, type MemberKeyspace } from './group-keyspaces.ts';

/** Characters of one batch after which it is sent. */
const BATCH_LENGTH_MAX = 1_048_576;

/** Parameters and value of one member. */
export type GroupEntry<P extends ParamTypes, V> = readonly [params: Params<P>, value: V];

export interface StageOptions {
  /** Goes on with a generation that was begun before; members that are there already are skipped. */
  readonly generation?: Generation;
  /** False leaves the generation open for more; it can't be swapped in until it is sealed. Default true. */
  readonly seal?: boolean;
}

/** Puts members into a new generation of the source, and into this region's store. */
export class GroupStager {
  readonly #groups: GroupSource;
  readonly #filler: GroupFiller;

  constructor(groups: GroupSource, filler: GroupFiller) {
    this.#groups = groups;
    this.#filler = filler;
  }

  async stage<P extends ParamTypes, V>(
    group: Group<P, V>,
    entries: AsyncIterable<GroupEntry<P, V>> | Iterable<GroupEntry<P, V>>,
    options: StageOptions,
  ): Promise<Generation> {
    const generation = options.generation ?? (await this.#groups.begin(group.name));
    try {
      const members = memberKeyspace(this.#groups, group, generation);
      let batch: DecodedMember[] = [];
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
    batch: readonly DecodedMember[],
  ): Promise<void> {
    const before = await this.#filler.look(batch);
    await this.#groups.stage(
      members.group,
      members.generation,
      batch.map(({ key, value }) => ({ key, value })),
    );
    if (before) await this.#filler.fill(members, batch, before);
  }
}

/** Checks a member, and turns it into what the source keeps and what a reader will get. */
function prepare<P extends ParamTypes, V>(
  members: MemberKeyspace<P, V>,
  params: Params<P>,
  value: V,
): DecodedMember {
  const cacheKey = members.key(params);
  if (value === null || value === undefined)
    throw new SchemaError(cacheKey, 'a member needs a value; leave out what is not there');
  validate(cacheKey, members.schema, value);
  const text = stringify(cacheKey, value);
  // What readers get is what the source gives back, not what the caller holds.
  return decodeMember(members, { key: members.local(params), value: text });
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
