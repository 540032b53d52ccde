import { type AnyKeyspace, compareVersions, type NodeAnswer, type Version } from '@tidemark/core';
import type { Mesh } from '@tidemark/inspect';
import { type Contents, isSameContent, loadContent, readContent } from './content.ts';
import type { Suspicion } from './finding.ts';
import { judgeL1, judgeStore, type StoreLook } from './judge.ts';
import type { RegionLook } from './look.ts';

/** What one look says of one key in all tiers of a region. */
export interface Examined {
  /** Version that L2 would serve; null for none. */
  readonly l2: Version | null;
  readonly l1: readonly {
    readonly node: string;
    readonly served: Version | null;
    readonly boundMs: number;
  }[];
  readonly suspicions: readonly Suspicion[];
  /** Whether L2's content was compared with a load. */
  readonly compared: boolean;
}

/** What a comparison with a load came to. */
interface Comparison {
  readonly compared: boolean;
  readonly found: Suspicion | null;
}

const NOT_COMPARED: Comparison = { compared: false, found: null };

interface Place {
  readonly key: string;
  readonly region: string;
}

/** Judges a look, and compares contents with the source as far as `mayLoad` allows. */
export async function examine(
  mesh: Mesh,
  place: Place,
  { source, store, nodes }: RegionLook,
  contents: Contents | null,
  mayLoad: () => boolean,
): Promise<Examined> {
  const { key } = place;
  const keyspace = contents?.keyspaceOf(key);
  const suspicions: Suspicion[] = [];
  let l2: Version | null = null;
  let compared = false;
  const look = store?.looks.get(key);
  if (look) {
    const judged = judgeStore(place, look, source, keyspace);
    l2 = judged.served;
    suspicions.push(...judged.suspicions);
    const newest = source?.after.get(key)?.version ?? null;
    if (contents && keyspace) {
      const comparison = await compare(mesh, place, look, judged.served !== null, newest, {
        ...contents,
        keyspace,
        mayLoad,
      });
      compared = comparison.compared;
      if (comparison.found) suspicions.push(comparison.found);
    }
  }
  const l1 = (nodes?.answers ?? []).flatMap((answer) => {
    const judged = judgedL1(answer, place, source);
    if (!judged) return [];
    suspicions.push(...judged.suspicions);
    return [{ node: answer.node, served: judged.served, boundMs: answer.stats.stalenessBoundMs }];
  });
  return { l2, l1, suspicions, compared };
}

function judgedL1(answer: NodeAnswer, place: Place, source: RegionLook['source']) {
  const facts = answer.entries.find(({ key }) => key === place.key);
  return facts && judgeL1({ ...place, node: answer.node }, facts, source);
}

async function compare(
  mesh: Mesh,
  place: Place,
  { view }: StoreLook,
  isServed: boolean,
  newest: Version | null,
  {
    keyspace,
    mayLoad,
    ...contents
  }: Contents & { readonly keyspace: AnyKeyspace; readonly mayLoad: () => boolean },
): Promise<Comparison> {
  const value = view.record?.value;
  if (!value) return NOT_COMPARED;
  const found = (compared: boolean, kind: Suspicion['kind'], text: string): Comparison => ({
    compared,
    found: {
      ...place,
      kind,
      severity: 'error',
      tier: 'l2',
      version: value.version,
      newest,
      ageMs: null,
      text,
    },
  });
  const read = readContent(place.key, value, keyspace, contents.codec);
  if (read && !read.ok) return found(false, read.kind, read.text);
  if (!read || !isServed || !newest || compareVersions(value.version, newest) !== 0 || !mayLoad())
    return NOT_COMPARED;
  const loaded = await mesh
    .truth(({ source }) => loadContent(source, place.key, value, contents))
    .then(({ answer }) => answer)
    // A loader that fails is the service's business, and a source that is away everybody's.
    .catch(() => null);
  if (!loaded) return NOT_COMPARED;
  if (isSameContent(loaded.value, read.value)) return { compared: true, found: null };
  const earlier = await earlierVersion(mesh, place.key, value.version, read.value, contents);
  if (earlier) {
    return found(
      true,
      'stale-fill',
      `it has the content of ${earlier.era}.${earlier.n} under the label of the newest version: a fill that the rules refuse was forced through`,
    );
  }
  return found(
    true,
    'content-differs',
    'a load under the same label has other content: it was filled past the rules, changed in place, or the source was changed without a new version',
  );
}

/** The earlier version whose content this is, as far as regions keep earlier ones (`retain`). */
async function earlierVersion(
  mesh: Mesh,
  key: string,
  version: Version,
  value: unknown,
  { codec }: Contents,
): Promise<Version | null> {
  for (const { store } of mesh.regions) {
    const kept = await store.retained(key).catch(() => []);
    for (const each of kept) {
      if (compareVersions(each.version, version) >= 0) continue;
      try {
        if (isSameContent(each.data && codec.decode(each.data), value)) return each.version;
      } catch {
        // What can't be decoded is not the same.
      }
    }
  }
  return null;
}
