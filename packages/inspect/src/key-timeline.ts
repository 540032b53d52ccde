import {
  compareVersions,
  decodeMessage,
  formatVersion,
  type Invalidation,
  keyspaceOf,
  type Position,
  type Version,
} from '@tidemark/core';
import type { LogEntry } from '@tidemark/nats';
import { assertKey, inspectKey } from './inspect-key.ts';
import type { KeyStore, KeyView } from './key-view.ts';
import type { Mesh } from './mesh.ts';
import { ask, type Reached } from './reached.ts';

const MESSAGES_MAX = 20_000;
const SINCE_MS = 3_600_000;
/** Events of one region's stream that a timeline shows; the earlier ones are left out. */
const EVENTS_MAX = 500;

export interface TimelineOptions {
  /** How far back the streams are searched, ms. Default one hour. */
  readonly sinceMs?: number;
  /** Messages of each stream that are searched, from the oldest. Default 20,000. */
  readonly messagesMax?: number;
}

/** Something that happened to a key. */
export interface TimelineEvent {
  /**
   * Wall clock of whoever noted it, ms since 1970; of stores and the source as ages, put on this machine's clock.
   * For people: two machines' clocks may be apart.
   */
  readonly atMs: number;
  /**
   * - `written`, `deleted`: the source's changelog, which keeps the latest of each key.
   * - `rolled-back`: the same, when the write was a rollback; `origin` says to which version.
   * - `bumped`: a writer told the streams. `relayed`: the relay did. `shipped`: a writer sent the value along.
   * - `cached`: a store took a value of this version. `kept`: one that is kept for rollbacks.
   */
  readonly type: 'written' | 'deleted' | 'rolled-back' | 'bumped' | 'relayed' | 'shipped' | 'cached' | 'kept';
  /** Null: the source. */
  readonly region: string | null;
  readonly version: Version;
  /** The key, or its keyspace's scope key when all of the keyspace was invalidated. */
  readonly key: string;
  readonly origin?: Version;
  /** Sequence in the region's stream. */
  readonly seq?: number;
  /** W3C trace of the writer or relay, when there was one. */
  readonly trace?: { readonly traceId: string; readonly spanId: string };
}

/** How far a region is with a key. */
export interface TimelineRegion {
  readonly region: string;
  readonly tidemark: Version | null;
  readonly value: Version | null;
  readonly horizon: Position | null;
  /** Whether nothing below the newest version can be served here; null when the source is away. */
  readonly knowsNewest: boolean | null;
}

/** A key's history, as far as it is kept. Plain data. */
export interface KeyTimeline {
  readonly key: string;
  /** The source's version; null when it is away. */
  readonly newest: Version | null;
  readonly source: Reached<object>;
  readonly regions: readonly ({ readonly region: string } & Reached<TimelineRegion>)[];
  /** What was searched of each region's stream. */
  readonly streams: readonly ({ readonly region: string } & Reached<{
    readonly messages: number;
    /** False when the search ended at a limit, or began after what the stream has lost. */
    readonly whole: boolean;
  }>)[];
  /** Oldest first. */
  readonly events: readonly TimelineEvent[];
}

/** The key's history: the changelog, each region's record and its stream, put together by time. */
export async function keyTimeline(
  mesh: Mesh,
  key: string,
  options: TimelineOptions = {},
): Promise<KeyTimeline> {
  assertKey(key);
  const [view, ...searched] = await Promise.all([
    inspectKey(mesh, key),
    ...mesh.regions.map(({ region }) => searchStream(mesh, region.id, key, options)),
  ]);
  const newest = view.source.reachable ? view.source.label : null;
  const events = [
    ...sourceEvents(view),
    ...view.regions.flatMap((each) => (each.reachable ? storeEvents(each.region, each, key) : [])),
    ...searched.flatMap((each) => (each.reachable ? each.events : [])),
  ];
  return {
    key,
    newest,
    source: view.source.reachable ? { reachable: true } : view.source,
    regions: view.regions.map((each) => (each.reachable ? progressOf(each.region, each, newest) : each)),
    streams: searched.map((each, i) => {
      const region = mesh.regions[i]!.region.id;
      if (!each.reachable) return { region, ...each };
      return { region, reachable: true, messages: each.messages, whole: each.whole };
    }),
    events: events.toSorted((a, b) => a.atMs - b.atMs || compareVersions(a.version, b.version)),
  };
}

interface Searched {
  readonly messages: number;
  readonly whole: boolean;
  readonly events: readonly TimelineEvent[];
}

function searchStream(
  mesh: Mesh,
  region: string,
  key: string,
  options: TimelineOptions,
): Promise<Reached<Searched>> {
  const { sinceMs = SINCE_MS, messagesMax = MESSAGES_MAX } = options;
  return ask(5 * mesh.answerMs, async () => {
    let messages = 0;
    let events: TimelineEvent[] = [];
    const query = { sinceMs: Date.now() - sinceMs, limit: messagesMax };
    for await (const entry of mesh.nats.log(region, query, mesh.answerMs)) {
      messages += 1;
      events.push(...eventsIn(entry, region, key));
      if (events.length > EVENTS_MAX) events = events.slice(-EVENTS_MAX);
    }
    return { messages, whole: messages < messagesMax && events.length < EVENTS_MAX, events };
  });
}

const TYPES = { bump: 'bumped', changes: 'relayed', update: 'shipped' } as const;

/** What a message says of the key, or of its keyspace. */
export function eventsIn(
  { seq, atMs, message }: LogEntry,
  region: string,
  key: string,
): readonly TimelineEvent[] {
  const decoded = decodeMessage(message.data);
  if (!decoded.ok) return [];
  const { message: said } = decoded;
  if (said.kind !== 'bump' && said.kind !== 'changes' && said.kind !== 'update') return [];
  const told: readonly Invalidation[] = said.kind === 'update' ? said.values : said.invalidations;
  const trace = traceOf(message.headers);
  return told
    .filter((each) => each.key === key || each.key === keyspaceOf(key))
    .map(({ key: about, version }) => ({
      atMs,
      type: TYPES[said.kind],
      region,
      version: { era: version.era, n: version.n },
      key: about,
      seq,
      ...(trace && { trace }),
    }));
}

/** Of the W3C header `traceparent`. */
export function traceOf(
  headers: Readonly<Record<string, string>> | undefined,
): { readonly traceId: string; readonly spanId: string } | null {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(headers?.['traceparent'] ?? '');
  return match && { traceId: match[1]!, spanId: match[2]! };
}

function sourceEvents({ key, source }: KeyView): TimelineEvent[] {
  if (!source.reachable || !source.row) return [];
  const { version, ageMs, deleted } = source.row;
  const at = { atMs: source.askedAtMs - ageMs, region: null, version, key };
  if (source.pin) return [{ ...at, type: 'rolled-back', origin: source.pin.origin }];
  return [{ ...at, type: deleted ? 'deleted' : 'written' }];
}

function storeEvents(region: string, { askedAtMs, value, retained }: KeyStore, key: string): TimelineEvent[] {
  const kept = retained.filter(
    (each) => !value || formatVersion(each.version) !== formatVersion(value.version),
  );
  return [
    ...(value
      ? [{ atMs: askedAtMs - value.ageMs, type: 'cached' as const, region, version: value.version, key }]
      : []),
    ...kept.map(({ version, ageMs }) => ({
      atMs: askedAtMs - ageMs,
      type: 'kept' as const,
      region,
      version,
      key,
    })),
  ];
}

function progressOf(
  region: string,
  { meta, tidemark, value }: KeyStore,
  newest: Version | null,
): { readonly region: string } & Reached<TimelineRegion> {
  // What it has not heard of may still be below its value: then it can serve nothing older either.
  const known = [tidemark, value?.version].filter((each) => each !== null && each !== undefined);
  const servesOlder = value !== null && newest !== null && compareVersions(value.version, newest) < 0;
  const heard = newest !== null && known.some((each) => compareVersions(each, newest) >= 0);
  return {
    region,
    reachable: true,
    tidemark,
    value: value && value.version,
    horizon: meta && meta.horizon,
    knowsNewest: newest === null ? null : heard || !servesOlder,
  };
}
