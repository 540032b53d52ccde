import type { Numbering } from './wire.ts';

export type FeedStep =
  | 'next' // the expected message
  | 'duplicate' // seen before
  | 'joined' // the first message, or a new life of the feed
  | 'gap'; // messages are missing

/** A node's place in its region's feed. */
export interface FeedCursor {
  readonly life: string;
  readonly seq: number;
}

/** Where a feed message leaves a node. On `joined` and `gap` nothing in its L1 is proven. */
export function stepFeed(
  cursor: FeedCursor | null,
  message: Numbering,
): { readonly cursor: FeedCursor; readonly step: FeedStep } {
  const next = { life: message.life, seq: message.seq };
  if (!cursor || cursor.life !== message.life) return { cursor: next, step: 'joined' };
  if (message.seq <= cursor.seq) return { cursor, step: 'duplicate' };
  return { cursor: next, step: message.seq === cursor.seq + 1 ? 'next' : 'gap' };
}
