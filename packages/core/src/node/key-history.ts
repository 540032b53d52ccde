import { type Pin, type PinSource, VersionGoneError } from '../ports/pins.ts';
import type { SourceOfTruth } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import type { RetainedValue } from '../protocol/retained.ts';
import { compareVersions, formatVersion, type Version } from '../protocol/version.ts';

/** What a region's store and the source know of a key. */
export interface KeyHistory {
  /** Values that can be gone back to, newest first. */
  readonly retained: readonly RetainedValue[];
  /** The key's version in the source. */
  readonly latest: Version;
  /** The version whose content readers get: the latest, or the one that a rollback went back to. */
  readonly shown: Version;
}

/** @param schema only values of this version of the keyspace's schema; null: of that of the newest one */
export async function keyHistory(
  {
    store,
    source,
    pins,
  }: { readonly store: Store; readonly source: SourceOfTruth; readonly pins: PinSource },
  key: string,
  schema: number | null,
): Promise<KeyHistory> {
  const [kept, labels] = await Promise.all([store.retained(key), source.labels([key])]);
  const latest = labels.versions[0]!;
  const pin = livePin((await pins.read([key]))[0] ?? null, latest);
  // Another schema's bytes mean nothing here; another era's may be of a future that never was.
  const sound = kept.filter(({ version }) => version.era === latest.era);
  const wanted = schema ?? sound[0]?.schema;
  return {
    retained: sound.filter((each) => each.schema === wanted),
    latest,
    shown: pin ? { era: latest.era, n: pin.origin } : latest,
  };
}

/**
 * The value that a rollback goes back to.
 *
 * @param to its version; left out: the one before what readers get
 * @throws VersionGoneError
 */
export function rollbackTarget(key: string, { retained, shown }: KeyHistory, to?: Version): RetainedValue {
  const target = retained.find(({ version }) =>
    to ? compareVersions(version, to) === 0 : compareVersions(version, shown) < 0,
  );
  if (!target) throw new VersionGoneError(key, to ? formatVersion(to) : 'an earlier version');
  return target;
}

/** A pin counts until something newer was written. */
export function livePin(pin: Pin | null, label: Version): Pin | null {
  return pin && pin.n >= label.n ? pin : null;
}
