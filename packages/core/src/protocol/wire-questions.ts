import type { NodeStats } from './node-stats.ts';
import { isKey } from './key.ts';
import {
  ANSWER_HOT_CHARS_MAX,
  ANSWER_HOT_KEYS_MAX,
  ANSWER_MOMENTS_MAX,
  type FillOutcome,
  type KeyReads,
  type KeyMoment,
  type L1Facts,
  type NodeAnswer,
  type NodeQuestion,
  QUESTION_KEYS_MAX,
} from './question.ts';
import { isOrdinal, type Version } from './version.ts';
import { type Fields, isId } from './wire-envelope.ts';

type Pair = readonly [era: number, n: number] | null;

const MOMENTS = ['invalidated', 'dropped', 'load-began', 'load-ended', 'filled', 'cached'] as const;
const OUTCOME_LENGTH_MAX = 20;
/** In the order in which they travel. */
const STATS = [
  'reads',
  'l1Hits',
  'l2Hits',
  'loads',
  'staleServes',
  'fillsRefused',
  'storeErrors',
  'feedGaps',
  'l1Entries',
  'l1Bytes',
  'l1Evictions',
  'loadsWaiting',
  'stalenessBoundMs',
] as const satisfies readonly (keyof NodeStats)[];

/** `{ ke: [key, …], hk: number }`. */
export function packQuestion({ keys = [], hotKeys = 0 }: NodeQuestion): object {
  return { ke: keys, hk: hotKeys };
}

export function unpackQuestion({ ke, hk }: Fields): NodeQuestion | null {
  if (!Array.isArray(ke) || ke.length > QUESTION_KEYS_MAX || !ke.every(isKey)) return null;
  if (!isOrdinal(hk) || hk > ANSWER_HOT_KEYS_MAX) return null;
  return { keys: ke, hotKeys: hk };
}

/** What was asked for is named once; moments point to it. Values never travel. */
export function packAnswer({ region, node, stats, hotKeys, entries, moments }: NodeAnswer): object {
  const places = new Map(entries.map(({ key }, i) => [key, i]));
  return {
    rg: region,
    no: node,
    // JSON has no infinity.
    st: STATS.map((name) => (Number.isFinite(stats[name]) ? stats[name] : null)),
    hk: hotKeys.map(({ key, reads }) => [key, reads]),
    en: entries.map(({ key, held, version, absent, ageMs, freshLeftMs, served }) =>
      held ? [key, packVersion(version), absent ? 1 : 0, ageMs, freshLeftMs, served ? 1 : 0] : [key],
    ),
    mo: moments.map(({ key, type, ageMs, version, outcome }) => [
      places.get(key)!,
      MOMENTS.indexOf(type),
      ageMs,
      packVersion(version),
      ...(outcome === undefined ? [] : [outcome]),
    ]),
  };
}

export function unpackAnswer({ rg, no, st, hk, en, mo }: Fields): NodeAnswer | null {
  if (!isId(rg) || !isId(no)) return null;
  const stats = unpackStats(st);
  const hotKeys = each(hk, ANSWER_HOT_KEYS_MAX, unpackReads);
  const entries = each(en, QUESTION_KEYS_MAX, unpackFacts);
  const moments = entries && each(mo, ANSWER_MOMENTS_MAX, (raw) => unpackMoment(raw, entries));
  return stats && hotKeys && entries && moments
    ? { region: rg, node: no, stats, hotKeys, entries, moments }
    : null;
}

/** As many of the keys that are read most as one answer carries. */
export function fitHotKeys(keys: readonly KeyReads[]): readonly KeyReads[] {
  let chars = 0;
  const end = keys.findIndex(({ key }) => (chars += key.length) > ANSWER_HOT_CHARS_MAX);
  return keys.slice(0, Math.min(end < 0 ? keys.length : end, ANSWER_HOT_KEYS_MAX));
}

function each<T>(raw: unknown, max: number, unpack: (raw: readonly unknown[]) => T | null): T[] | null {
  if (!Array.isArray(raw) || raw.length > max) return null;
  const all: T[] = [];
  for (const one of raw as unknown[]) {
    const unpacked = Array.isArray(one) ? unpack(one) : null;
    if (unpacked === null) return null;
    all.push(unpacked);
  }
  return all;
}

function unpackStats(raw: unknown): NodeStats | null {
  if (!Array.isArray(raw) || raw.length < STATS.length) return null;
  const found: Partial<Record<keyof NodeStats, number>> = {};
  for (const [i, name] of STATS.entries()) {
    // Nothing is proven.
    const value: unknown = name === 'stalenessBoundMs' && raw[i] === null ? Number.POSITIVE_INFINITY : raw[i];
    if (typeof value !== 'number' || !(value >= 0)) return null;
    if (name !== 'stalenessBoundMs' && !isAmount(value)) return null;
    found[name] = value;
  }
  return found as NodeStats;
}

function unpackReads([key, reads]: readonly unknown[]): KeyReads | null {
  return isKey(key) && isAmount(reads) ? { key, reads } : null;
}

function unpackFacts(raw: readonly unknown[]): L1Facts | null {
  const [key, pair, absent, ageMs, freshLeftMs, served] = raw;
  if (!isKey(key)) return null;
  if (raw.length === 1)
    return { key, held: false, version: null, absent: false, ageMs: 0, freshLeftMs: 0, served: false };
  const version = unpackVersion(pair);
  if (version === undefined || !isBit(absent) || !isBit(served)) return null;
  if (!isAmount(ageMs) || !Number.isFinite(freshLeftMs)) return null;
  return {
    key,
    held: true,
    version,
    absent: absent === 1,
    ageMs,
    freshLeftMs: freshLeftMs as number,
    served: served === 1,
  };
}

function unpackMoment(raw: readonly unknown[], entries: readonly L1Facts[]): KeyMoment | null {
  const [at, kind, ageMs, pair, outcome] = raw;
  const about = isOrdinal(at) ? entries[at] : undefined;
  const type = isOrdinal(kind) ? MOMENTS[kind] : undefined;
  const version = unpackVersion(pair);
  if (!about || type === undefined || !isAmount(ageMs) || version === undefined) return null;
  const moment = { key: about.key, type, ageMs, version };
  if (outcome === undefined) return moment;
  if (typeof outcome !== 'string' || outcome.length > OUTCOME_LENGTH_MAX) return null;
  // One of a later release is shown as it is.
  return { ...moment, outcome: outcome as FillOutcome };
}

function packVersion(version: Version | null): Pair {
  return version && [version.era, version.n];
}
/** Undefined for what is no version. */
function unpackVersion(raw: unknown): Version | null | undefined {
  if (raw === null) return null;
  if (!Array.isArray(raw) || !isOrdinal(raw[0]) || !isOrdinal(raw[1])) return undefined;
  return { era: raw[0], n: raw[1] };
}
function isAmount(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) >= 0;
}
function isBit(value: unknown): value is 0 | 1 {
  return value === 0 || value === 1;
}
