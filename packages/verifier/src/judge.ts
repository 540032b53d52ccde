import {
  type AnyKeyspace,
  comparePositions,
  compareVersions,
  formatPosition,
  formatVersion,
  isScopeKey,
  judgeView,
  keyspaceOf,
  type L1Facts,
  type Position,
  SCOPES_MAX,
  type StoreMeta,
  type StoreView,
  type Version,
} from '@tidemark/core';
import type { ChangelogRow } from '@tidemark/postgres';
import type { RecordFacts } from '@tidemark/redis';
import type { Suspicion } from './finding.ts';

/** What the source said: rows before the tiers were asked, labels after. */
export interface SourceLook {
  /** Of keys, their keyspaces' scope keys, and what values were made from; null: no row. */
  readonly rows: ReadonlyMap<string, ChangelogRow | null>;
  /** Era, and version of each key that nothing in any tier may exceed. */
  readonly after: ReadonlyMap<string, { readonly version: Version; readonly scope: number }>;
  readonly asOf: Position;
}

/** What a store says of a key. */
export interface StoreLook {
  readonly view: StoreView;
  /** Of what its value was made from, in order, read in the same step. */
  readonly dependencies: readonly StoreView[];
  readonly facts: RecordFacts;
}

export interface Judged {
  /** Version that an eventual read would be answered with; null: this tier has no answer. */
  readonly served: Version | null;
  readonly suspicions: readonly Suspicion[];
}

interface Place {
  readonly key: string;
  readonly region: string;
}

/** What is wrong with a store's record, whatever its age. */
export function judgeStore(
  place: Place,
  look: StoreLook,
  source: SourceLook | null,
  keyspace: AnyKeyspace | undefined,
): Judged {
  const { view, dependencies, facts } = look;
  const value = view.record?.value ?? null;
  const freshness = judgeView(place.key, view, dependencies, keyspace?.schemaVersion);
  const served = value && (freshness === 'fresh' || freshness === 'stale') ? value.version : null;
  const newest = source?.after.get(place.key)?.version ?? null;
  const found: Suspicion[] = [];
  const add = (kind: Suspicion['kind'], version: Version | null, text: string): void =>
    void found.push({
      ...place,
      kind,
      severity: 'error',
      tier: 'l2',
      version,
      newest,
      ageMs: null,
      text,
    });
  const tidemark = view.record?.tidemark ?? null;
  if (facts.form === 'foreign') add('foreign-write', tidemark, facts.why);
  if (facts.form === 'corrupt') add('corrupt', tidemark, facts.why);
  if (tidemark && newest && compareVersions(tidemark, newest) > 0) {
    add('too-new', tidemark, tooNew('its tidemark', tidemark, newest));
  }
  if (value && keyspace && value.schema > keyspace.schemaVersion) {
    add(
      'wrong-schema',
      value.version,
      `the value has schema version ${value.schema}; keyspace ${keyspace.name} has ${keyspace.schemaVersion} at most`,
    );
  }
  if (value && served && source) {
    const missed = missedChange(place.key, look, source);
    if (missed) add('lost-event', value.version, missed);
  }
  return { served, suspicions: found };
}

/** A change that the store's horizon has passed, and that the value which it serves does not have; null for none. */
function missedChange(key: string, { view, dependencies }: StoreLook, { rows }: SourceLook): string | null {
  const value = view.record!.value!;
  const made = value.dependencies.map((each, i) => ({ ...each, horizon: dependencies[i]?.meta?.horizon }));
  const own = { key, version: value.version, scope: value.scope, horizon: view.meta!.horizon };
  for (const label of [own, ...made]) {
    const { horizon } = label;
    if (!horizon) continue;
    const row = isScopeKey(label.key) ? undefined : rows.get(label.key);
    const name = label.key === key ? 'the key' : label.key;
    if (row && isPassed(row, horizon) && compareVersions(label.version, row.version) < 0) {
      return (
        `its horizon ${formatPosition(horizon)} says that transaction ${row.xid} is applied, which gave ${name} ` +
        `${formatVersion(row.version)}; it serves what was made from ${formatVersion(label.version)}`
      );
    }
    const all = keyspaceOf(label.key);
    const scope = rows.get(all);
    if (scope && isPassed(scope, horizon) && label.scope < scope.version.n) {
      return (
        `its horizon ${formatPosition(horizon)} says that transaction ${scope.xid} is applied, which invalidated all of ` +
        `${all}; it serves what is older`
      );
    }
  }
  return null;
}

/** Whether a store at this horizon says that it has applied the row's transaction. */
function isPassed({ version, xid }: ChangelogRow, horizon: Position): boolean {
  return version.era === horizon.era && comparePositions({ era: version.era, xid }, horizon) < 0;
}

/** What is wrong with what a node's L1 serves, whatever its age. */
export function judgeL1(
  place: Place & { readonly node: string },
  facts: L1Facts,
  source: SourceLook | null,
): Judged {
  const served = facts.served ? facts.version : null;
  const newest = source?.after.get(place.key)?.version ?? null;
  if (!facts.version || !newest || compareVersions(facts.version, newest) <= 0)
    return { served, suspicions: [] };
  return {
    served,
    suspicions: [
      {
        ...place,
        kind: 'too-new',
        severity: 'error',
        tier: 'l1',
        version: facts.version,
        newest,
        ageMs: null,
        text: tooNew('what its L1 holds', facts.version, newest),
      },
    ],
  };
}

function tooNew(what: string, version: Version, newest: Version): string {
  return `${what} is ${formatVersion(version)}, but the source never gave the key more than ${formatVersion(newest)}`;
}

/**
 * What a store knows of an event about a whole keyspace, as if it served that version of it; null when nothing older can
 * be served: then each value is judged by itself.
 */
export function servedScope(key: string, meta: StoreMeta | null, row: ChangelogRow | null): Version | null {
  if (!meta || (row && isPassed(row, meta.horizon))) return null;
  // Beyond the limit a store gives up all its values instead.
  if (meta.scopes.size >= SCOPES_MAX) return null;
  return { era: meta.horizon.era, n: meta.scopes.get(key) ?? 0 };
}

/** An event's key in a tier, so long after it was seen. */
export interface AgedLook extends Place {
  readonly tier: 'l1' | 'l2';
  readonly node?: string;
  readonly served: Version | null;
  /** Of the event. */
  readonly version: Version;
  readonly ageMs: number;
  readonly isLastAge: boolean;
  /** Every write acknowledged longer ago is proven to be applied in this tier, as it says itself, ms. */
  readonly boundMs: number;
  readonly newest: Version | null;
}

/** The clocks of a node and of the verifier run side by side for minutes at most; and news takes its way. */
const BOUND_SLACK_MS = 2_000;

/** Whether a tier is inconsistent with an event of an age, and whether that is more than being behind. */
export function judgeAge(look: AgedLook): {
  readonly consistent: boolean;
  readonly suspicion: Suspicion | null;
} {
  const { served, version, ageMs, isLastAge, boundMs, newest } = look;
  // An event of a version that the source never gave is a forgery, or of an era that was: nobody has to follow it.
  const isReal = !newest || compareVersions(version, newest) <= 0;
  if (!isReal || !served || compareVersions(served, version) >= 0)
    return { consistent: true, suspicion: null };
  const vouches = boundMs + BOUND_SLACK_MS < ageMs;
  if (!vouches && !isLastAge) return { consistent: false, suspicion: null };
  const { key, region, tier, node } = look;
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const claim = vouches
    ? `it says that all from before ${seconds(boundMs)} ago is applied`
    : 'it proves nothing meanwhile: bounded reads are not answered with it';
  return {
    consistent: false,
    suspicion: {
      kind: 'stale',
      severity: vouches ? 'error' : 'warning',
      key,
      region,
      tier,
      ...(node !== undefined && { node }),
      version: served,
      newest,
      ageMs,
      text: `serves ${formatVersion(served)} ${seconds(ageMs)} after ${formatVersion(version)} was seen; ${claim}`,
    },
  };
}
