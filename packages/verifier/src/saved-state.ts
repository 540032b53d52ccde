import { isPosition, type Position } from '@tidemark/core';
import type { Places } from './schedule.ts';
import type { Cell } from './tally.ts';

/** Counts of all that was seen. */
export interface SeenCounts {
  /** Events that were taken in. */
  readonly events: number;
  /** Left out because of `sample`. */
  readonly sampledOut: number;
  /** Left out because too many waited. */
  readonly noRoom: number;
  /** Contents of values that were compared with a load. */
  readonly compared: number;
}

/** What a verifier keeps of itself besides its pending events. */
export interface SavedState {
  readonly format: 1;
  /** Random id of the verifier that saved it. */
  readonly writer: string;
  readonly nextId: number;
  /** The ages that `places` are for. */
  readonly agesMs: readonly number[];
  readonly places: Places;
  readonly cells: readonly Cell[];
  readonly seen: SeenCounts;
  /** By kind. */
  readonly findings: Readonly<Record<string, number>>;
  /** Of the changelog, as far as it was read. */
  readonly horizon: Position | null;
  /** Wall clock when all this began, ms since 1970. */
  readonly sinceMs: number;
}

/** Null for what this release can't go on with: it begins anew then. */
export function parseState(raw: unknown): SavedState | null {
  if (!isObject(raw) || raw['format'] !== 1 || typeof raw['writer'] !== 'string') return null;
  const { nextId, agesMs, places, cells, seen, findings, horizon, sinceMs } = raw;
  if (!isCount(nextId) || !isCounts(agesMs) || !isObject(places) || !isCount(sinceMs)) return null;
  if (!Object.values(places).every(isCounts) || (horizon !== null && !isPosition(horizon))) return null;
  if (!isObject(seen) || !Object.values(seen).every(isCount)) return null;
  if (!isObject(findings) || !Object.values(findings).every(isCount)) return null;
  if (!Array.isArray(cells) || !cells.every(isCell)) return null;
  return raw as unknown as SavedState;
}

function isCell(raw: unknown): raw is Cell {
  if (!isObject(raw) || typeof raw['region'] !== 'string') return false;
  const counts = [raw['ageMs'], raw['checked'], raw['inconsistent'], raw['notAsked'], raw['late']];
  return (raw['tier'] === 'l1' || raw['tier'] === 'l2') && counts.every(isCount);
}
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(isCount);
}
