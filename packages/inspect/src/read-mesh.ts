import { decodeMessage, listDeadLetters } from '@tidemark/core';
import type { Follower } from '@tidemark/nats';
import { addressOf } from './address.ts';
import type { Mesh, MeshRegion } from './mesh.ts';
import type { BusView, FreshnessView, MeshView, RegionView, StoreView } from './mesh-view.ts';
import { type FollowedStream, pairsOf } from './pairs.ts';
import { ask, type Reached } from './reached.ts';
import { troublesOf } from './troubles.ts';

const BARRIER_SEARCH = 300;
/** A relay appends at least every two seconds. */
const RELAY_SILENT_MS = 10_000;

/** Looks at every server of a mesh at once. Takes about as long as the slowest may take to answer. */
export async function readMesh(mesh: Mesh): Promise<MeshView> {
  const truthAsked = ask(mesh.answerMs * (mesh.regions.length + 1), async () => {
    const { through, answer } = await mesh.truth(({ inspector }) => inspector.server());
    return { through, ...answer };
  });
  const looked = await Promise.all(mesh.regions.map((each) => lookAt(mesh, each)));
  const truth = await truthAsked;
  const streams = looked.map(({ stream }) => stream);
  const regions = looked.map(({ view }) => view);
  const relays = regions.flatMap(({ region, nats }) =>
    nats.reachable && nats.barrier && nats.barrier.ageMs <= RELAY_SILENT_MS
      ? [{ region, ageMs: nats.barrier.ageMs }]
      : [],
  );
  const relay = relays.toSorted((a, b) => a.ageMs - b.ageMs)[0] ?? null;
  const pairs = pairsOf(streams, (a, b) => mesh.set.roundTripMs(a, b));
  const view = {
    atMs: Date.now(),
    source: mesh.source,
    namespace: mesh.namespace,
    truth,
    relay,
    regions,
    pairs,
  };
  return { ...view, troubles: troublesOf(view) };
}

async function lookAt(
  mesh: Mesh,
  member: MeshRegion,
): Promise<{ readonly view: RegionView; readonly stream: FollowedStream }> {
  const { region } = member;
  const [redis, [nats, stream, freshness], postgres] = await Promise.all([
    readStore(mesh, member),
    readBus(mesh, member),
    readSource(mesh, member),
  ]);
  const horizon = redis.reachable ? redis.meta?.horizon : undefined;
  const [backlog, letters] = await Promise.all([
    horizon
      ? ask(mesh.answerMs * 2, async () => ({
          backlog: (await mesh.truth(({ inspector }) => inspector.backlog(horizon))).answer,
        }))
      : null,
    horizon
      ? ask(mesh.answerMs * 2, async () => {
          const { answer } = await mesh.truth(({ source }) =>
            listDeadLetters({ source, store: member.store }),
          );
          return { open: answer.length };
        })
      : null,
  ]);
  return {
    view: {
      region: region.id,
      role: region.role,
      redis,
      nats,
      postgres,
      freshness,
      backlog: backlog?.reachable === true ? backlog.backlog : null,
      deadLetters: letters?.reachable === true ? letters.open : null,
    },
    stream,
  };
}

function readStore({ answerMs }: Mesh, { store, region }: MeshRegion): Promise<Reached<StoreView>> {
  return ask(2 * answerMs, async () => {
    const [server, { meta }, applier] = await Promise.all([
      store.diagnostics.server(),
      store.read([]),
      store.diagnostics.role('applier'),
    ]);
    return {
      address: addressOf(region.endpoints.redis),
      server,
      meta: meta && { ...meta, scopes: Object.fromEntries(meta.scopes) },
      applier,
    };
  });
}

function readSource({ answerMs }: Mesh, { source, region }: MeshRegion): Promise<RegionView['postgres']> {
  return ask(2 * answerMs, async () => {
    await source.labels([]);
    const beganMs = performance.now();
    await source.labels([]);
    return { address: addressOf(region.endpoints.postgres), roundTripMs: performance.now() - beganMs };
  });
}

async function readBus(
  mesh: Mesh,
  member: MeshRegion,
): Promise<readonly [Reached<BusView>, FollowedStream, FreshnessView]> {
  const { answerMs, nats } = mesh;
  const { id, endpoints } = member.region;
  const ages = new Map<string, number>();
  let followers: readonly Follower[] | null = null;
  const bus = await ask<BusView>(4 * answerMs, async () => {
    const server = await nats.server(id, answerMs);
    const look = await nats.stream(id, answerMs);
    const address = addressOf(endpoints.nats);
    if (!look) return { address, server, stream: null, barrier: null };
    const { followers: found, ...stream } = look;
    followers = found;
    await Promise.all(
      (found ?? []).map(async ({ region, pending, givenSeq }) => {
        if (pending === 0) return;
        const first = await firstOf(nats.log(id, { fromSeq: givenSeq + 1, limit: 1 }, answerMs));
        if (first) ages.set(region, Math.max(0, Date.now() - first.atMs));
      }),
    );
    return { address, server, stream, barrier: await lastBarrier(mesh, id) };
  });
  const stream: FollowedStream = {
    region: id,
    away: bus.reachable ? null : bus.reason,
    hasStream: bus.reachable && bus.stream !== null,
    followers,
    ages,
  };
  return [bus, stream, await provenOf(mesh, member, bus)];
}

async function firstOf<T>(all: AsyncIterable<T>): Promise<T | null> {
  for await (const each of all) return each;
  return null;
}

async function lastBarrier({ nats, answerMs }: Mesh, region: string): Promise<BusView['barrier']> {
  let last: BusView['barrier'] = null;
  const nowMs = Date.now();
  for await (const { atMs, message } of nats.log(
    region,
    { last: BARRIER_SEARCH, limit: BARRIER_SEARCH },
    answerMs,
  )) {
    const decoded = decodeMessage(message.data);
    if (!decoded.ok || decoded.message.kind !== 'barrier') continue;
    const { barrier, life } = decoded.message;
    last = { to: barrier.to, life, ageMs: Math.max(0, nowMs - atMs) };
  }
  return last;
}

/** What a node there could prove; waits for a first claim, or for one that is newer. */
async function provenOf(
  { answerMs }: Mesh,
  { freshness }: MeshRegion,
  bus: Reached<BusView>,
): Promise<FreshnessView> {
  if (!bus.reachable) return { boundMs: null, reason: 'its NATS can not be asked' };
  if (!Number.isFinite(freshness.boundMs())) await freshness.nextClaim(answerMs);
  const boundMs = freshness.boundMs();
  if (Number.isFinite(boundMs)) return { boundMs, reason: null };
  const reason = freshness.heard
    ? 'its applier speaks and proves nothing: no relay, a peer or the source out of its reach, or dead letters'
    : 'no applier speaks on its feed';
  return { boundMs: null, reason };
}
