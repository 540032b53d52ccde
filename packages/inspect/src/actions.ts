import {
  ConfigurationError,
  type Generation,
  GroupEmptyError,
  type Invalidation,
  isKey,
  KeyError,
  keyHistory,
  keyspaceOf,
  rollbackTarget,
  type SourceOfTruth,
  type Version,
} from '@tidemark/core';
import { assertKey } from './inspect-key.ts';
import type { Mesh } from './mesh.ts';

/** Keys of one invalidation. */
const KEYS_MAX = 1_000;

/**
 * Gives keys, tags' keys or keyspaces' names new versions in the source: no region serves anything older once it has
 * heard of it. See `waitApplied`.
 *
 * @throws KeyError, SourceUnavailableError
 */
export async function invalidate(mesh: Mesh, keys: readonly string[]): Promise<readonly Invalidation[]> {
  for (const key of keys) {
    if (!isKey(key))
      throw new KeyError(keyspaceOf(key), `${JSON.stringify(key)} is not an encoded key, nor a keyspace`);
  }
  if (keys.length === 0 || keys.length > KEYS_MAX) {
    throw new ConfigurationError(
      `give 1 to ${KEYS_MAX} keys at a time, got ${keys.length}; or invalidate the keyspace`,
    );
  }
  const { answer } = await mesh.truth(({ source }) =>
    source.transaction(async (_, bump) => {
      for (const key of keys) bump(key);
    }),
  );
  return answer.invalidations;
}

/** What a rollback of a key would do. */
export interface KeyRollback {
  readonly key: string;
  /** Region whose store kept the value. */
  readonly region: string;
  /** What readers get now, and what they would get. */
  readonly from: Version;
  readonly to: Version;
  /** Encoded length; null: the key had no value then. */
  readonly bytes: number | null;
  /** Versions that the region keeps, newest first. */
  readonly kept: readonly Version[];
  /** Does it, unless the key was written meanwhile. @throws RollbackConflictError */
  run(): Promise<readonly Invalidation[]>;
}

/**
 * Plans the rollback of a key to a value that a region's store has kept (`retain` of its keyspace).
 *
 * @param to its version; left out: the one before what readers get
 * @throws VersionGoneError, KeyError, StoreUnavailableError, SourceUnavailableError
 */
export async function planKeyRollback(
  mesh: Mesh,
  region: string,
  key: string,
  to?: Version,
): Promise<KeyRollback> {
  assertKey(key);
  const { store } = mesh.regions.find((each) => each.region.id === mesh.set.get(region).id)!;
  const { answer } = await mesh.truth(async ({ source }) => {
    const pins = pinsOf(source);
    return { pins, history: await keyHistory({ store, source, pins }, key, null) };
  });
  const { pins, history } = answer;
  const { version, schema, data } = rollbackTarget(key, history, to);
  return {
    key,
    region,
    from: history.shown,
    to: version,
    bytes: data && data.byteLength,
    kept: history.retained.map((each) => each.version),
    run: async () =>
      (await pins.pin(key, { origin: version.n, schema, data }, history.latest.n)).invalidations,
  };
}

/** What a rollback of a group would do. */
export interface GroupRollback {
  readonly group: string;
  readonly from: Generation;
  readonly to: Generation | null;
  /** Does it, unless somebody swapped meanwhile. @throws SwapConflictError */
  run(): Promise<{ readonly to: Generation; readonly invalidations: readonly Invalidation[] }>;
}

/**
 * Plans the rollback of a group.
 *
 * @param to a generation that was current before; left out: the one that was current last
 * @throws GroupEmptyError, KeyError, SourceUnavailableError; `run` also GenerationGoneError, GenerationStateError
 */
export async function planGroupRollback(
  mesh: Mesh,
  group: string,
  to: Generation | null,
): Promise<GroupRollback> {
  const { answer } = await mesh.truth(async ({ source }) => {
    const groups = groupsOf(source);
    return { groups, from: await groups.current(group) };
  });
  const { groups, from } = answer;
  if (from === null) throw new GroupEmptyError(group, 'current');
  return {
    group,
    from,
    to,
    async run() {
      const { value, invalidations } = await groups.rollback(group, to, { from });
      return { to: value.generation, invalidations };
    },
  };
}

function pinsOf({ pins }: SourceOfTruth): NonNullable<SourceOfTruth['pins']> {
  if (!pins) throw new ConfigurationError('this source keeps no rollbacks');
  return pins;
}

function groupsOf({ groups }: SourceOfTruth): NonNullable<SourceOfTruth['groups']> {
  if (!groups) throw new ConfigurationError('this source keeps no groups');
  return groups;
}
