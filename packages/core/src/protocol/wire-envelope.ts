import { isOrdinal } from './version.ts';

/**
 * What every message has around its content, the same in every format for ever:
 *
 * | field | what |
 * |---|---|
 * | `f` | format of the writer, from 1 |
 * | `r` | oldest format whose readers understand it; left out when that is `f` |
 * | `k` | kind |
 * | `l`, `s` | life and number, on the kinds that a sender numbers densely; else neither |
 *
 * So releases can run side by side: a reader takes what is meant for it, whatever wrote it; of the rest it
 * still sees whether a numbered message went by. What has no number may always be missed.
 */
export const WIRE_FORMAT = 1;

const ID_LENGTH_MAX = 64;
const REASON_LENGTH_MAX = 40;

/** Numbers a sender's messages densely within one life, so that a hole is noticed. */
export interface Numbering {
  readonly life: string;
  /** From 1. */
  readonly seq: number;
}

/** Why a message can't be used. */
export interface Unusable {
  readonly ok: false;
  readonly why: string;
  /** Present when it is sound, but of a later release: its number, or null when it has none. */
  readonly later?: { readonly numbering: Numbering | null };
}

export type Fields = Readonly<Record<string, unknown>>;

export function bad(why: string): Unusable {
  return { ok: false, why };
}

/** Something that only a later release understands. */
export function later(raw: Fields, why: string): Unusable {
  const numbering = unpackNumber(raw);
  if (!numbering && (raw['l'] !== undefined || raw['s'] !== undefined)) return bad('number');
  return { ok: false, why: why.slice(0, REASON_LENGTH_MAX), later: { numbering } };
}

/** Null when this release may read on. */
export function judgeEnvelope(raw: Fields): Unusable | null {
  const { f, r = f } = raw;
  if (!isOrdinal(f) || f < 1) return bad('no format');
  if (!isOrdinal(r) || r < 1 || r > f) return bad('no format of its readers');
  return r <= WIRE_FORMAT ? null : later(raw, `format ${r}, this release reads ${WIRE_FORMAT}`);
}

export function unpackNumber(raw: Fields): Numbering | null {
  const { l, s } = raw;
  return isId(l) && isOrdinal(s) && s > 0 ? { life: l, seq: s } : null;
}

export function isId(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= ID_LENGTH_MAX;
}
