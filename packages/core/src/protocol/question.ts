import type { NodeStats } from './node-stats.ts';
import type { FillVerdict } from './record.ts';
import type { Version } from './version.ts';

/** Keys of one question. */
export const QUESTION_KEYS_MAX = 100;
/** Hot keys of one answer. */
export const ANSWER_HOT_KEYS_MAX = 100;
/** Characters of the hot keys of one answer; the ones read less are left out. */
export const ANSWER_HOT_CHARS_MAX = 50_000;
/** Moments of one answer; the earlier ones are left out. */
export const ANSWER_MOMENTS_MAX = 1_000;

/** A key and about how often it was read lately, with earlier reads counting less. */
export interface KeyReads {
  readonly key: string;
  readonly reads: number;
}

/** What somebody outside wants to know of a region's nodes. */
export interface NodeQuestion {
  /** What L1 has of these, and what happened to them lately. At most `QUESTION_KEYS_MAX`. */
  readonly keys?: readonly string[];
  /** So many of the keys that the node reads most. At most `ANSWER_HOT_KEYS_MAX`. */
  readonly hotKeys?: number;
}

/** What a node's L1 has of a key. Never the value. */
export interface L1Facts {
  readonly key: string;
  readonly held: boolean;
  /** Null when nothing is held, or the source gives no versions. */
  readonly version: Version | null;
  /** What is held says that the source has nothing for this key. */
  readonly absent: boolean;
  /** Since L1 took it, ms; 0 when nothing is held. */
  readonly ageMs: number;
  /** Of its TTL, ms; negative when it is past. 0 when nothing is held. */
  readonly freshLeftMs: number;
  /** Whether L1 would answer an eventual read with it now. */
  readonly served: boolean;
}

/** What a fill came to: the store's word; `moved`, `seen-newer` when it was not offered; or the store was away. */
export type FillOutcome = FillVerdict | 'moved' | 'seen-newer' | 'away';

/**
 * Something that a node saw of a key within a while after an invalidation of it:
 *
 * - `invalidated`: it was told of the version. `dropped`: L1 gave up what it had.
 * - `load-began`, `load-ended`: it asked the source; `version` is the label of what it got.
 * - `filled`: the store's word on that, in `outcome`.
 * - `cached`: L1 took a value of this version.
 */
export interface KeyMoment {
  readonly key: string;
  readonly type: 'invalidated' | 'dropped' | 'load-began' | 'load-ended' | 'filled' | 'cached';
  /** How long ago, ms. */
  readonly ageMs: number;
  /** Null when it has none, or it is not known. */
  readonly version: Version | null;
  readonly outcome?: FillOutcome;
}

/** What one node answers. */
export interface NodeAnswer {
  readonly region: string;
  /** Option `id` of the node. */
  readonly node: string;
  readonly stats: NodeStats;
  /** Most read first. */
  readonly hotKeys: readonly KeyReads[];
  /** One for each key that was asked for, in order. */
  readonly entries: readonly L1Facts[];
  /** Of the keys that were asked for, oldest first. */
  readonly moments: readonly KeyMoment[];
}

/** From an observer to the nodes of a region. */
export interface AskMessage {
  readonly kind: 'ask';
  /** Random id of the question. */
  readonly id: string;
  readonly question: NodeQuestion;
}
/** From a node to whoever asked. */
export interface TellMessage {
  readonly kind: 'tell';
  /** Of the question. */
  readonly id: string;
  readonly answer: NodeAnswer;
}
