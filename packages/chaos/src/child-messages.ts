import type { Value } from '@tidemark/checkers';
import type { Rule } from './break-rules.ts';

/** What a child process is told in its environment, as JSON in `TIDEMARK_CHAOS`. */
export interface ChildSettings {
  /** `region-number#life`; another life is another process. */
  readonly process: string;
  readonly region: string;
  readonly seed: number;
  readonly keys: number;
  /** Reads a second that a node process aims at. */
  readonly rate: number;
  readonly postgres: string;
  readonly redis: string;
  /** By region, as this region reaches it. */
  readonly nats: Readonly<Record<string, string>>;
  readonly history: string;
  readonly broken: Rule | null;
}

/** What a tier would serve for a key. */
export interface TierEntry {
  readonly tier: 'l1' | 'l2' | 'read';
  readonly key: string;
  readonly value: Value | null;
}

export type ToChild =
  | { readonly tell: 'begin' }
  | { readonly tell: 'quiet' }
  | { readonly tell: 'entries'; readonly withReads: boolean }
  | { readonly tell: 'die-after-commit' }
  | { readonly tell: 'session'; readonly id: string; readonly token: string }
  | { readonly tell: 'end' };

export type FromChild =
  | { readonly told: 'ready' }
  | { readonly told: 'quiet' }
  | { readonly told: 'entries'; readonly entries: readonly TierEntry[]; readonly failed: string | null }
  | { readonly told: 'role'; readonly role: 'relay' | 'applier'; readonly leading: boolean }
  | {
      readonly told: 'counts';
      readonly reads: number;
      readonly writes: number;
      readonly refused: number;
      readonly boundMs: number | null;
    }
  | { readonly told: 'session'; readonly id: string; readonly token: string };
