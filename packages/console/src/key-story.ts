import { formatVersion, keyspaceOf } from '@tidemark/core';
import {
  assertKey,
  inspectKey,
  keyTimeline,
  type KeyView,
  type Mesh,
  type MeshRegion,
  type TimelineEvent,
} from '@tidemark/inspect';
import type { KeyStory, StoryEvent, StoryRegion } from './api.ts';
import { momentEvents } from './story-moments.ts';

/** What the page shows of the past of a key. */
const SINCE_MS = 600_000;
const EVENTS_MAX = 300;
/** Nodes of far regions need a round trip. */
const NODES_WAIT_MS = 500;

/** One key, everywhere, and what happened to it lately. @throws KeyError */
export async function keyStory(mesh: Mesh, key: string): Promise<KeyStory> {
  assertKey(key);
  const [view, timeline, nodes] = await Promise.all([
    inspectKey(mesh, key),
    keyTimeline(mesh, key, { sinceMs: SINCE_MS }),
    Promise.all(mesh.regions.map((each) => askThere(mesh, each, key))),
  ]);
  const { source } = view;
  return {
    key,
    keyspace: keyspaceOf(key),
    newest: source.reachable ? formatVersion(source.label) : null,
    deleted: source.reachable && source.row?.deleted === true,
    sourceReason: source.reachable ? null : source.reason,
    regions: view.regions.map((each, i) => {
      const progress = timeline.regions[i]!;
      return { ...storyRegion(each, progress.reachable ? progress.knowsNewest : null), l1: nodes[i]!.l1 };
    }),
    events: [...timeline.events.map(storyEvent), ...nodes.flatMap(({ events }) => events)]
      .toSorted((a, b) => a.atMs - b.atMs)
      .slice(-EVENTS_MAX),
    whole: timeline.streams.every((each) => each.reachable && each.whole),
  };
}

interface AskedNodes {
  readonly l1: StoryRegion['l1'];
  readonly events: readonly StoryEvent[];
}

/** What the nodes there hold, and what they saw of it lately. Of a region that is away nothing is known. */
async function askThere({ nats, answerMs }: Mesh, each: MeshRegion, key: string): Promise<AskedNodes> {
  const region = each.region.id;
  try {
    const { roundTripMs } = await nats.server(region, answerMs);
    // Nodes say how long ago things were: by when they answered, and that is half a round trip from here.
    const answeredAtMs = Date.now() + roundTripMs / 2;
    const answers = await each.asker.ask({ keys: [key] }, { waitMs: NODES_WAIT_MS });
    const held = answers.filter(({ entries }) => entries[0]?.held === true).length;
    return {
      l1: answers.length === 0 ? null : { held, nodes: answers.length },
      events: momentEvents(region, answers, key, answeredAtMs),
    };
  } catch {
    return { l1: null, events: [] };
  }
}

function storyRegion(
  found: KeyView['regions'][number],
  knowsNewest: boolean | null,
): Omit<StoryRegion, 'l1'> {
  const { region } = found;
  if (!found.reachable) {
    return {
      region,
      reachable: false,
      reason: found.reason,
      tidemark: null,
      value: null,
      ageMs: null,
      freshLeftMs: null,
      bytes: null,
      knowsNewest: null,
      serves: [],
    };
  }
  const { tidemark, value, serves } = found;
  const { eventual, bounded, session, latest } = serves;
  return {
    region,
    reachable: true,
    reason: null,
    tidemark: tidemark && formatVersion(tidemark),
    value: value && formatVersion(value.version),
    ageMs: value && value.ageMs,
    freshLeftMs: value && value.freshLeftMs,
    bytes: value && value.bytes,
    knowsNewest,
    serves: [
      { level: 'eventual', served: eventual.served, text: eventual.text },
      { level: `bounded ${bounded.ms / 1_000} s`, served: bounded.served, text: bounded.text },
      { level: 'session', served: session.served, text: session.text },
      { level: 'latest', served: latest.served, text: latest.text },
    ],
  };
}

const TEXTS: Readonly<Record<TimelineEvent['type'], string>> = {
  written: 'written',
  deleted: 'deleted',
  'rolled-back': 'rolled back',
  bumped: 'the writer told this stream',
  relayed: 'the relay told this stream',
  shipped: 'the writer sent the value along',
  cached: 'reloaded into the store',
  kept: 'kept for rollbacks',
};

function storyEvent({ atMs, type, region, version, origin, trace }: TimelineEvent): StoryEvent {
  return {
    atMs,
    region,
    kind: type,
    text: origin ? `${TEXTS[type]} to what was ${formatVersion(origin)}` : TEXTS[type],
    version: formatVersion(version),
    node: null,
    traceId: trace?.traceId ?? null,
  };
}
