import { judgeDependency, type Label } from './dependency.ts';
import { keyspaceOf } from './key.ts';
import type { Position } from './position.ts';
import { type Fill, type Freshness, judgeRecord, type StoredRecord, type StoreMeta } from './record.ts';
import type { Version } from './version.ts';

/** A value of one store on its way into another one, by itself or in a file. */
export interface CopiedValue {
  readonly key: string;
  /** As it is labelled: may be too old, never too new. */
  readonly version: Version;
  readonly scope: number;
  readonly schema: number;
  /** What is left of its TTL, ms. */
  readonly freshMs: number;
  readonly staleMs: number;
  /** The encoded value, or null: the source had nothing for this key. */
  readonly data: Uint8Array | null;
  /** Labels of what it was made from; what watched them stays behind. */
  readonly dependencies: readonly Label[];
}

/** What a store says about a key at one instant. */
export interface StoreView {
  readonly meta: StoreMeta | null;
  readonly record: StoredRecord | null;
  readonly nowMs: number;
}

/**
 * Judges what a store says about a key, and about all that its value was made from. What a node has heard besides
 * (its floors, its proof, stores that went back) is not in it.
 *
 * @param views of the value's dependencies, in their order
 * @param schema that the reader has; left out: whichever the value has
 * @param keyspace of the key, where the reader has it at hand
 */
export function judgeView(
  key: string,
  { meta, record, nowMs }: StoreView,
  views: readonly StoreView[] = [],
  schema = record?.value?.schema,
  keyspace = keyspaceOf(key),
): Freshness {
  const value = record?.value;
  if (!meta || !value || schema === undefined) return 'absent';
  const ageMs = Math.max(0, nowMs - value.filledAtMs);
  const freshness = judgeRecord(meta, record, keyspace, schema, ageMs);
  if (freshness !== 'fresh' && freshness !== 'stale') return freshness;
  const { dependencies } = value;
  for (let i = 0; i < dependencies.length; i += 1) {
    const view = views[i];
    if (!view?.meta || !judgeDependency(view.meta, view.record, dependencies[i]!)) return 'dependency';
  }
  return freshness;
}

/**
 * The value that a store may serve as fresh, fit to be filled into another store; or why there is none.
 *
 * It is right as of the store's horizon: whatever changed before that has been applied there, and the value was
 * still at its tidemark. That holds for dependencies too, if their `views` are no older than the value's.
 *
 * @param views of the value's dependencies, in their order
 */
export function copyValue(
  key: string,
  view: StoreView,
  views: readonly StoreView[] = [],
): CopiedValue | Exclude<Freshness, 'fresh'> {
  const freshness = judgeView(key, view, views);
  if (freshness !== 'fresh') return freshness;
  const value = view.record!.value!;
  const ageMs = Math.max(0, view.nowMs - value.filledAtMs);
  const { version, scope, schema, staleMs, data, dependencies } = value;
  return {
    key,
    version,
    scope,
    schema,
    freshMs: value.freshMs - ageMs,
    staleMs,
    data,
    dependencies: dependencies.map((each) => ({ key: each.key, version: each.version, scope: each.scope })),
  };
}

/**
 * The fill of a copied value: the rules for any other fill decide about it.
 *
 * @param asOf horizon up to which the value is known to be right
 * @param meta of the store that it goes to, read no later than the value
 * @param dependencies as that store watches them
 */
export function fillOfCopy(
  { key, version, scope, schema, freshMs, staleMs, data }: CopiedValue,
  asOf: Position,
  meta: StoreMeta,
  dependencies: Fill['dependencies'] = [],
): Fill {
  return {
    key,
    version,
    scope,
    asOf,
    incarnation: meta.incarnation,
    epoch: meta.epoch,
    revision: meta.revision,
    schema,
    freshMs,
    staleMs,
    data,
    dependencies,
    // One of the same version that is there may be newer, and stays.
    replaces: null,
    lease: null,
  };
}
