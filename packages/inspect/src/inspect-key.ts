import { isKey, isScopeKey, KeyError, keyspaceOf, livePin, type StoreView } from '@tidemark/core';
import { askNodes } from './ask-nodes.ts';
import { generationOf } from './generation-of.ts';
import type { KeyNodes, KeySource, KeyStore, KeyView, ValueView } from './key-view.ts';
import { judgeLoad, judgeServing } from './judge-key.ts';
import type { Mesh, MeshRegion } from './mesh.ts';
import { ask, type Reached } from './reached.ts';

const BOUND_MS = 2_000;
const NODES_WAIT_MS = 1_000;

export interface InspectOptions {
  /** The bound that a bounded read is tried with, ms. Default 2,000. */
  readonly boundMs?: number;
  /** Whether the value itself is wanted. */
  readonly data?: boolean;
  /** Whether nodes are asked what their L1s hold: takes a second, since nobody knows how many there are. */
  readonly l1?: boolean;
}

/** One key in every tier of every region that can be asked from outside, and whether it would be served. */
export async function inspectKey(mesh: Mesh, key: string, options: InspectOptions = {}): Promise<KeyView> {
  assertKey(key);
  const asked = options.l1
    ? Promise.all(mesh.regions.map(({ region }) => readNodes(mesh, region.id, key)))
    : null;
  const [source, ...regions] = await Promise.all([
    askSource(mesh, key),
    ...mesh.regions.map((each) => readStore(mesh, each, key)),
  ]);
  return {
    key,
    keyspace: keyspaceOf(key),
    source,
    regions: await Promise.all(
      regions.map((found, i) => judged(mesh, mesh.regions[i]!, key, found, source, options)),
    ),
    ...(asked && { l1: await asked }),
  };
}

async function readNodes(
  mesh: Mesh,
  region: string,
  key: string,
): Promise<{ readonly region: string } & Reached<KeyNodes>> {
  const found = await ask(2 * mesh.answerMs + NODES_WAIT_MS, async () => {
    const answers = await askNodes(mesh, region, { keys: [key] }, { waitMs: NODES_WAIT_MS });
    const nodes = answers.flatMap(({ node, entries }) => entries.map((entry) => ({ node, ...entry })));
    return { nodes: nodes.toSorted((a, b) => (a.node < b.node ? -1 : 1)) };
  });
  return { region, ...found };
}

/** @throws KeyError */
export function assertKey(key: string): void {
  if (isKey(key) && !isScopeKey(key)) return;
  throw new KeyError(
    keyspaceOf(key),
    `${JSON.stringify(key)} is not an encoded key; write it as keyspace:part:part, such as product:12345`,
  );
}

/** What one store holds, all read in the same command as its meta. */
interface Found {
  readonly askedAtMs: number;
  readonly view: StoreView;
  readonly boundMs: number;
  readonly dependencies: readonly StoreView[];
  readonly redis: KeyStore['redis'];
  readonly retained: KeyStore['retained'];
}

/**
 * What a store says borrows a proof only if it was asked after the claim: so a first claim is waited for. A store that
 * is away is not worth the wait.
 */
async function readStore(mesh: Mesh, { store, freshness }: MeshRegion, key: string): Promise<Reached<Found>> {
  return ask(3 * mesh.answerMs, async () => {
    await store.read([key]);
    if (!Number.isFinite(freshness.boundMs())) await freshness.nextClaim(mesh.answerMs);
    const { record } = viewOf(await store.read([key]), 0);
    const made = record?.value?.dependencies ?? [];
    const answer = await store.read([key, ...made.map((each) => each.key)]);
    // At once: the next claim speaks of a later state than this answer shows.
    const boundMs = answer.meta ? freshness.boundOf(answer.meta) : Number.POSITIVE_INFINITY;
    const view = viewOf(answer, 0);
    const [redis, retained] = await Promise.all([store.diagnostics.key(key), store.retained(key)]);
    return {
      askedAtMs: Date.now(),
      view,
      boundMs,
      dependencies: made.map((_, i) => viewOf(answer, i + 1)),
      redis,
      retained: retained.map(({ version, filledAtMs, schema, data }) => ({
        version,
        ageMs: Math.max(0, answer.nowMs - filledAtMs),
        schema,
        bytes: data && data.byteLength,
      })),
    };
  });
}

function viewOf(
  { meta, records, nowMs }: Awaited<ReturnType<MeshRegion['store']['read']>>,
  i: number,
): StoreView {
  return { meta, record: records[i] ?? null, nowMs };
}

function askSource(mesh: Mesh, key: string): Promise<Reached<KeySource>> {
  return ask(mesh.answerMs * (mesh.regions.length + 1), async () => {
    const { through, answer } = await mesh.truth(async ({ source, inspector }) => {
      const labels = await source.labels([key]);
      const [facts, pins] = await Promise.all([inspector.keys([key]), source.pins!.read([key])]);
      return { labels, facts, pin: pins[0] ?? null };
    });
    const { labels, facts, pin } = answer;
    const label = labels.versions[0]!;
    const row = facts.rows[0] ?? null;
    const live = livePin(pin, label);
    return {
      askedAtMs: Date.now(),
      through,
      horizon: labels.asOf,
      label,
      scope: labels.scopes[0]!,
      row: row && {
        version: row.version,
        ageMs: Math.max(0, facts.atMs - row.atMs),
        deleted: row.deleted,
      },
      pin: live && { origin: { era: label.era, n: live.origin }, bytes: live.data && live.data.byteLength },
    };
  });
}

async function judged(
  mesh: Mesh,
  { region, source: truth }: MeshRegion,
  key: string,
  found: Reached<Found>,
  source: Reached<KeySource>,
  { boundMs: askedMs = BOUND_MS, data = false }: InspectOptions,
): Promise<KeyView['regions'][number]> {
  if (!found.reachable) return { region: region.id, ...found };
  const { askedAtMs, view, boundMs, dependencies, redis, retained } = found;
  const made = view.record?.value?.dependencies ?? [];
  const labels = source.reachable
    ? await labelsOf(mesh, truth, [key, ...made.map((each) => each.key)], source)
    : null;
  const store: KeyStore = {
    askedAtMs,
    meta: metaView(view, key),
    tidemark: view.record?.tidemark ?? null,
    value: valueView(key, view, dependencies),
    ...(data && { data: encoded(view) }),
    redis,
    retained,
    boundMs: Number.isFinite(boundMs) ? boundMs : null,
    ...judgeServing(key, view, dependencies, { boundMs, askedMs, labels }),
    fill: source.reachable
      ? judgeLoad(key, view, { version: source.label, scope: source.scope, asOf: source.horizon })
      : null,
  };
  return { region: region.id, reachable: true, ...store };
}

/** Of one key they are known already. */
async function labelsOf(
  mesh: Mesh,
  truth: MeshRegion['source'],
  keys: readonly string[],
  source: KeySource,
): Promise<Parameters<typeof judgeServing>[3]['labels']> {
  const own = { versions: [source.label], scopes: [source.scope] };
  if (keys.length === 1) return own;
  const asked = await ask(mesh.answerMs, () => truth.labels(keys));
  return asked.reachable ? asked : null;
}

function metaView({ meta }: StoreView, key: string): KeyStore['meta'] {
  if (!meta) return null;
  const { incarnation, epoch, lineage, revision, horizon, base, scopes } = meta;
  return { incarnation, epoch, lineage, revision, horizon, base, scope: scopes.get(keyspaceOf(key)) ?? 0 };
}

function valueView(
  key: string,
  { record, nowMs }: StoreView,
  dependencies: readonly StoreView[],
): ValueView | null {
  const value = record?.value;
  if (!value) return null;
  const ageMs = Math.max(0, nowMs - value.filledAtMs);
  const { version, scope, epoch, schema, freshMs, staleMs } = value;
  return {
    version,
    scope,
    epoch,
    schema,
    bytes: value.data && value.data.byteLength,
    generation: generationOf(key, value.data),
    ageMs,
    freshLeftMs: freshMs - ageMs,
    staleLeftMs: freshMs + staleMs - ageMs,
    dependencies: value.dependencies.map((each, i) => ({
      key: each.key,
      version: each.version,
      tidemark: dependencies[i]?.record?.tidemark ?? null,
    })),
  };
}

function encoded({ record }: StoreView): string | null {
  const data = record?.value?.data;
  return data ? Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64') : null;
}
