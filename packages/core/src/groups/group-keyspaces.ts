import type { StandardSchemaV1 } from '@standard-schema/spec';
import { earlyRule } from '../keyspace/early-refresh.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import { keyDecoder, keyEncoder, type Params, type ParamTypes } from '../keyspace/params.ts';
import { KeyError } from '../ports/errors.ts';
import { type GroupSource, MEMBER_BATCH_MAX } from '../ports/groups.ts';
import {
  type Generation,
  MEMBER_KEY_LENGTH_MAX,
  memberPrefix,
  parseGeneration,
  pointerKey,
} from '../protocol/generation.ts';
import type { Group } from './group.ts';

const POINTER_TTL_MS = 5 * 60_000;
const POINTER_NEGATIVE_TTL_MS = 10_000;

/** Nothing but a TTL. */
const PLAIN = {
  staleMs: 0,
  staleIfErrorMs: 0,
  softTimeoutMs: Number.POSITIVE_INFINITY,
  hardTimeoutMs: Number.POSITIVE_INFINITY,
  early: earlyRule('group', { beta: 1 }),
  ttlJitter: 0.1,
  // Generations come and go: nothing is kept for each.
  atHand: null,
} as const;

/** What the pointer of a group says. */
export interface Pointer {
  readonly generation: Generation;
}

/** Members of one generation, as a keyspace of their own. */
export interface MemberKeyspace<P extends ParamTypes, V> extends Keyspace<P, V, unknown> {
  readonly group: string;
  readonly generation: Generation;
  /** Encoded parameters, as the source knows a member. */
  local(params: Params<P>): string;
}

/** What a cache holds under a pointer's key may be foreign or poisoned; then it counts as absent. */
const POINTER_SCHEMA: StandardSchemaV1<unknown, Pointer> = {
  '~standard': {
    version: 1,
    vendor: 'tidemark',
    validate: (value) => {
      const { generation } = (value ?? {}) as Partial<Pointer>;
      if (parseGeneration(generation)) return { value: { generation: generation! } };
      return { issues: [{ message: 'not a generation' }] };
    },
  },
};

/** Pointers are ordinary keys: all that keeps keys coherent keeps them coherent. */
export function pointerKeyspace(groups: GroupSource): Keyspace<{ group: 'string' }, Pointer, unknown> {
  const types = { group: 'string' } as const;
  return Object.freeze({
    name: 'group',
    schemaVersion: 1,
    ttlMs: POINTER_TTL_MS,
    ...PLAIN,
    negativeTtlMs: POINTER_NEGATIVE_TTL_MS,
    schema: POINTER_SCHEMA,
    load: async ({ group }: { readonly group: string }) => {
      const generation = await groups.current(group);
      return generation === null ? null : { generation };
    },
    loadMany: undefined,
    dependsOn: undefined,
    onWrite: 'invalidate',
    retain: 0,
    retainMs: 0,
    key: ({ group }: { readonly group: string }) => pointerKey(group),
    params: keyDecoder('group', types),
  });
}

/** Members are ordinary keys as well, whose values never change. */
export function memberKeyspace<P extends ParamTypes, V>(
  groups: GroupSource,
  group: Group<P, V>,
  generation: Generation,
): MemberKeyspace<P, V> {
  const prefix = memberPrefix(group.name, generation);
  const key = keyEncoder(prefix, group.params);
  const decode = keyDecoder('member', group.params);
  const local = (params: Params<P>): string => {
    const encoded = key(params).slice(prefix.length + 1);
    if (encoded.length <= MEMBER_KEY_LENGTH_MAX) return encoded;
    throw new KeyError(
      group.name,
      `parameters of a member of ${group.name} are ${encoded.length} characters long, at most ${MEMBER_KEY_LENGTH_MAX} are allowed`,
    );
  };
  async function read(keys: readonly string[]): Promise<(V | null)[]> {
    const values: (V | null)[] = [];
    for (let start = 0; start < keys.length; start += MEMBER_BATCH_MAX) {
      const texts = await groups.read(group.name, generation, keys.slice(start, start + MEMBER_BATCH_MAX));
      for (const text of texts) values.push(text === null ? null : (JSON.parse(text) as V));
    }
    return values;
  }
  return Object.freeze({
    name: 'member',
    group: group.name,
    generation,
    schemaVersion: group.schemaVersion,
    ttlMs: group.ttlMs,
    ...PLAIN,
    // Absence is as immutable as a value.
    negativeTtlMs: group.ttlMs,
    schema: group.schema,
    load: async (params: Params<P>) => (await read([local(params)]))[0] ?? null,
    loadMany: (params: readonly Params<P>[]) => read(params.map(local)),
    dependsOn: undefined,
    onWrite: 'invalidate',
    retain: 0,
    retainMs: 0,
    key,
    params: (text: string) =>
      text.startsWith(`${prefix}:`) ? decode(`member${text.slice(prefix.length)}`) : null,
    local,
  });
}
