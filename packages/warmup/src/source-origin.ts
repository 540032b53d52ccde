import {
  type AnyKeyspace,
  judgeRecord,
  keyspaceOf,
  type Params,
  type ParamTypes,
  type Store,
  TidemarkError,
  type TidemarkNode,
} from '@tidemark/core';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Loaded, Origin } from './origin.ts';
import { learned, newPace, type Pace, paced } from './pace.ts';

export interface SourceBudget {
  /** Loads a second, at most: a load is one key that is read from the source, in whatever batch. */
  readonly loadsPerSecond: number;
  /** Backs off when a batch takes so many times as long as usual. Default 2. */
  readonly slowdownMax?: number;
}

interface SourceParts {
  /** A node of the region with these keyspaces and `hotKeysMax: 0`, since these reads are nobody's; it needs no bus. */
  readonly node: Pick<TidemarkNode, 'getMany'>;
  readonly keyspaces: readonly AnyKeyspace[];
  /** The node's store. */
  readonly store: Store;
  readonly budget: SourceBudget;
  /** Told of the rate now allowed. */
  readonly onPace?: (loadsPerSecond: number) => void;
}

/** Keys of one load: a hundredth of a second’s budget, since live reads wait behind a batch. */
const BATCH_MAX = 100;
const BATCHES_PER_SECOND = 100;
const SLOWDOWN_MAX = 2;
/** The source, not a key of it, is what failed. */
const AWAY = new Set([
  'E_SOURCE_UNAVAILABLE',
  'E_SOURCE_REPLACED',
  'E_CIRCUIT_OPEN',
  'E_LOAD_TIMEOUT',
  'E_OVERLOADED',
]);

/**
 * The source of truth: ordinary reads of a node, under the leases of its region, so that neither live traffic nor
 * another worker loads the same key at the same time. Keeps to a budget, and backs off when the source gets slower.
 */
export function sourceOrigin({ node, keyspaces, store, budget, onPace }: SourceParts): Origin {
  const byName = new Map(keyspaces.map((each) => [each.name, each]));
  const rule = { rateMax: budget.loadsPerSecond, slowdownMax: budget.slowdownMax ?? SLOWDOWN_MAX };
  let pace: Pace | null = null;

  async function loadPaced(
    keyspace: AnyKeyspace,
    keys: readonly string[],
    signal: AbortSignal,
    share: () => number,
  ): Promise<void> {
    const now = pace ?? newPace(rule, performance.now());
    // The slower of both: two back-offs at once are no reason to stand still.
    const rate = Math.min(now.rate, rule.rateMax * share());
    const turn = paced({ ...now, rate }, keys.length, performance.now());
    pace = { ...now, nextAtMs: turn.pace.nextAtMs };
    await sleep(Math.max(0, turn.atMs - performance.now()), undefined, { signal });
    const startedAtMs = performance.now();
    const params = keys.map((key) => keyspace.params(key) as Params<ParamTypes>);
    let failure: unknown = null;
    try {
      await node.getMany(keyspace, params, { consistency: 'eventual' });
    } catch (error) {
      failure = error;
    }
    pace = learned(pace, rule, failure === null ? performance.now() - startedAtMs : null);
    onPace?.(pace.rate);
    if (failure === null) return;
    if (failure instanceof TidemarkError && AWAY.has(failure.code)) throw failure;
    // One key that can't be loaded must not take its neighbours with it.
    if (keys.length > 1) for (const key of keys) await loadPaced(keyspace, [key], signal, share);
  }

  async function batch(
    keyspace: AnyKeyspace,
    keys: readonly string[],
    signal: AbortSignal,
    share: () => number,
  ): Promise<Loaded> {
    const missing = await missingOf(store, keyspace, keys);
    const there = keys.length - missing.length;
    if (missing.length === 0) return { filled: 0, there, rest: [] };
    await loadPaced(keyspace, missing, signal, share);
    // What the store took is what counts: a load that succeeded may have been refused.
    const rest = await missingOf(store, keyspace, missing);
    return { filled: missing.length - rest.length, there, rest };
  }

  return {
    kind: 'loads',
    name: 'source',
    async load(keys, signal, share) {
      const size = Math.max(1, Math.min(BATCH_MAX, Math.floor(budget.loadsPerSecond / BATCHES_PER_SECOND)));
      const sum = { filled: 0, there: 0, rest: [] as string[] };
      for (const [keyspace, wanted] of byKeyspace(byName, keys, sum.rest)) {
        for (let at = 0; at < wanted.length; at += size) {
          signal.throwIfAborted();
          const done = await batch(keyspace, wanted.slice(at, at + size), signal, share);
          sum.filled += done.filled;
          sum.there += done.there;
          sum.rest.push(...done.rest);
        }
      }
      return sum;
    },
  };
}

/** Keys that can't be loaded, for want of a keyspace or since they have a digest, go to `rest`. */
function byKeyspace(
  known: ReadonlyMap<string, AnyKeyspace>,
  keys: readonly string[],
  rest: string[],
): Map<AnyKeyspace, string[]> {
  const wanted = new Map<AnyKeyspace, string[]>();
  for (const key of keys) {
    const keyspace = known.get(keyspaceOf(key));
    if (!keyspace?.params(key)) rest.push(key);
    else if (wanted.has(keyspace)) wanted.get(keyspace)!.push(key);
    else wanted.set(keyspace, [key]);
  }
  return wanted;
}

async function missingOf(store: Store, keyspace: AnyKeyspace, keys: readonly string[]): Promise<string[]> {
  const { meta, records, nowMs } = await store.read(keys, keyspace.schemaVersion);
  if (!meta) return [...keys];
  return keys.filter((_, i) => {
    const record = records[i]!;
    const ageMs = nowMs - (record?.value?.filledAtMs ?? 0);
    return judgeRecord(meta, record, keyspace.name, keyspace.schemaVersion, ageMs) !== 'fresh';
  });
}
