import {
  allows,
  bounded,
  type FillVerdict,
  formatVersion,
  type Freshness,
  judgeFill,
  judgeView,
  type Position,
  reachesLabel,
  type SourceLabels,
  type StoreMeta,
  type StoreView,
  type Version,
} from '@tidemark/core';
import type { KeyStore, Serving } from './key-view.ts';

/** What the source said of a key and of what its value was made from, in this order. */
export type Labels = Pick<SourceLabels, 'versions' | 'scopes'>;

const NOT_SERVED: Readonly<Record<Exclude<Freshness, 'fresh' | 'stale'>, string>> = {
  expired: 'past its TTL and its stale window',
  absent: 'there is no value',
  'below-tidemark': 'it was invalidated: the value is below the tidemark',
  void: 'the value is of an older era, epoch or scope: its keyspace or the store was flushed',
  dependency: 'something that it was made from has changed, or is not watched any more',
  schema: "it was encoded with another version of the keyspace's schema",
};

/** Whether the store's value is served at each level. All rules are the engine's. */
export function judgeServing(
  key: string,
  view: StoreView,
  dependencies: readonly StoreView[],
  {
    boundMs,
    askedMs,
    labels,
  }: { readonly boundMs: number; readonly askedMs: number; readonly labels: Labels | null },
): Pick<KeyStore, 'verdict' | 'serves'> {
  const verdict = judgeView(key, view, dependencies);
  const eventual = eventually(verdict);
  return {
    verdict,
    serves: {
      eventual,
      bounded: { ...(eventual.served ? withinBound(verdict, boundMs, askedMs) : eventual), ms: askedMs },
      session: eventual.served ? atNewest(verdict, view, labels, 'session') : eventual,
      latest: eventual.served ? atNewest(verdict, view, labels, 'latest') : eventual,
    },
  };
}

function eventually(verdict: Freshness): Serving {
  if (verdict === 'fresh') return { served: true, why: verdict, text: 'served' };
  if (verdict === 'stale')
    return { served: true, why: verdict, text: 'served past its TTL, and reloaded meanwhile' };
  return { served: false, why: verdict, text: `loaded from the source: ${NOT_SERVED[verdict]}` };
}

function withinBound(verdict: Freshness, boundMs: number, askedMs: number): Serving {
  if (allows(bounded(askedMs), boundMs)) {
    return { served: true, why: verdict, text: `served: proven to be at most ${Math.round(boundMs)} ms old` };
  }
  const proven = Number.isFinite(boundMs)
    ? `it is proven only to be at most ${Math.round(boundMs)} ms old`
    : 'nothing is proven of this store now';
  return { served: false, why: 'unproven', text: `loaded from the source: ${proven}` };
}

function atNewest(
  verdict: Freshness,
  { record }: StoreView,
  labels: Labels | null,
  level: 'session' | 'latest',
): Serving {
  const value = record!.value!;
  if (!labels) {
    return level === 'latest'
      ? { served: false, why: 'source-away', text: 'fails: the source can not be asked' }
      : {
          served: false,
          why: 'source-away',
          text: `served to sessions that know no more than ${formatVersion(value.version)}; the newest version is not known`,
        };
  }
  const known = [{ version: value.version, scope: value.scope }, ...value.dependencies];
  const behind = known.findIndex(
    (each, i) => !reachesLabel(each, { version: labels.versions[i]!, scope: labels.scopes[i]! }),
  );
  if (behind < 0) return { served: true, why: verdict, text: 'served: it is what the source has' };
  const what = behind === 0 ? 'it' : value.dependencies[behind - 1]!.key;
  return {
    served: false,
    why: 'behind-source',
    text: `loaded from the source, which has ${formatVersion(labels.versions[behind]!)} of ${what}`,
  };
}

/** What a store would say to a value of this label, loaded now. */
export function judgeLoad(
  key: string,
  { meta, record }: { readonly meta: StoreMeta | null } & Pick<StoreView, 'record'>,
  { version, scope, asOf }: { readonly version: Version; readonly scope: number; readonly asOf: Position },
): FillVerdict {
  const fill = {
    key,
    version,
    scope,
    asOf,
    incarnation: meta?.incarnation ?? '',
    epoch: meta?.epoch ?? 0,
    revision: meta?.revision ?? 0,
    schema: 0,
    freshMs: 0,
    staleMs: 0,
    data: null,
    dependencies: [],
    replaces: record?.value?.filledAtMs ?? null,
    lease: null,
  };
  return judgeFill(meta, record, fill, false, false);
}
