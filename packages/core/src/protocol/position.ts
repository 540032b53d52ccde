import { isOrdinal } from './version.ts';

/**
 * A position in the changelog: every transaction with an id below `xid` is final (committed and
 * visible, or aborted). A *horizon* is a position that was read from a snapshot.
 */
export interface Position {
  /** Life of the source of truth, an integer from 1. */
  readonly era: number;
  /** First transaction id that is not yet final, an integer in [0, 2^53). */
  readonly xid: number;
}

/** The position below every other. */
export const POSITION_NONE: Position = Object.freeze({ era: 0, xid: 0 });

/** Negative when `a` is before `b`, zero when equal, positive when after. */
export function comparePositions(a: Position, b: Position): number {
  return a.era === b.era ? a.xid - b.xid : a.era - b.era;
}

export function maxPosition(a: Position, b: Position): Position {
  return comparePositions(a, b) >= 0 ? a : b;
}

/** `era:xid`, for people, logs and traces. */
export function formatPosition(position: Position): string {
  return `${position.era}:${position.xid}`;
}

export function isPosition(value: unknown): value is Position {
  if (typeof value !== 'object' || value === null) return false;
  const { era, xid } = value as Partial<Position>;
  return isOrdinal(era) && isOrdinal(xid);
}
