import { formatVersion, keyspaceOf } from '@tidemark/core';
import { inspectKey, keyTimeline, type KeyView, type Mesh, type TimelineEvent } from '@tidemark/inspect';
import type { KeyStory, StoryEvent, StoryRegion } from './api.ts';

/** What the page shows of the past of a key. */
const SINCE_MS = 600_000;
const EVENTS_MAX = 300;

/** One key, everywhere, and what happened to it lately. @throws KeyError */
export async function keyStory(mesh: Mesh, key: string): Promise<KeyStory> {
  const [view, timeline] = await Promise.all([
    inspectKey(mesh, key),
    keyTimeline(mesh, key, { sinceMs: SINCE_MS }),
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
      return storyRegion(each, progress.reachable ? progress.knowsNewest : null);
    }),
    events: timeline.events.map(storyEvent).slice(-EVENTS_MAX),
    whole: timeline.streams.every((each) => each.reachable && each.whole),
  };
}

function storyRegion(found: KeyView['regions'][number], knowsNewest: boolean | null): StoryRegion {
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
      l1: null,
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
    l1: null,
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
