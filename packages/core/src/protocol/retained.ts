import { compareVersions, type Version } from './version.ts';

/** Earlier values that a keyspace may ask a store to keep of each key. */
export const RETAIN_MAX = 16;

/**
 * One value of a key, and the version that it is exactly of: a fact that stays true. Labels of
 * ordinary values may be too old; going back by such a label would bring back the wrong value.
 */
export interface RetainedValue {
  readonly version: Version;
  /** Version of the keyspace's schema that encoded the value. */
  readonly schema: number;
  /** When it was put there, in ms on the store's own clock. */
  readonly filledAtMs: number;
  /** The encoded value, or null: the source had nothing for this key. */
  readonly data: Uint8Array | null;
}

/**
 * The history of a key after one more fact: newest version first, at most `keepMax`. Of an older
 * era nothing is kept: it may be of a future that the source abandoned.
 */
export function retainValue(
  history: readonly RetainedValue[],
  value: RetainedValue,
  keepMax: number,
): readonly RetainedValue[] {
  const others = history.filter(({ version }) => compareVersions(version, value.version) !== 0);
  const era = Math.max(value.version.era, ...others.map(({ version }) => version.era));
  return [...others, value]
    .filter(({ version }) => version.era === era)
    .sort((a, b) => compareVersions(b.version, a.version))
    .slice(0, keepMax);
}
