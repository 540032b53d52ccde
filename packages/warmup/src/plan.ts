import type { Store, Telemetry } from '@tidemark/core';
import type { Gate } from './gate.ts';
import type { LiveProbe } from './live-latency.ts';
import type { Origin, Prover } from './origin.ts';
import type { WarmCounts, WarmState } from './progress.ts';
import type { ShadowReads } from './shadow-reads.ts';
import type { Work } from './work.ts';

/** What is to be warmed, and how. */
export interface WarmPlan {
  /** Of the region that is warmed. */
  readonly store: Store;
  /** Batches in the order of their worth; see `workOf`. */
  readonly work: AsyncIterable<Work> | Iterable<Work>;
  /** Known reads of all work; 0 when nobody knows. */
  readonly readsKnown: number;
  /** Keys of all work. */
  readonly keysKnown: number;
  /** Asked one after the other for what is still missing. */
  readonly origins: readonly Origin[];
  /** Says whether copies are right that the store can't judge any more. Left out: those are refused. */
  readonly prover?: Prover;
  /** Batches at a time. Default 4. */
  readonly concurrency?: number;
  /** Keys a second, at most, from wherever. Left out: as fast as it goes. */
  readonly rateMax?: number;
  /** What live traffic waits for: while that takes longer than usual, the warm-up slows down. */
  readonly live?: readonly LiveProbe[];
  /** Slows down when live traffic waits more than this many times as long as usual. Default 2. */
  readonly liveSlowdownMax?: number;
  /** Reads of live traffic elsewhere: the hit rate is then that of these, and not that of the recorded ones. */
  readonly shadow?: ShadowReads;
  /** Stops when the region is warm enough. Left out: goes through everything. */
  readonly until?: Gate;
  /** Stops after this long, ms. */
  readonly deadlineMs?: number;
  /** Stops after so many bytes of copied values. */
  readonly bytesMax?: number;
  /** Goes on from here. */
  readonly resume?: WarmState;
  /** Keeps what is needed to go on; called after each batch. */
  readonly save?: (state: WarmState) => void;
  readonly onProgress?: (progress: WarmProgress) => void;
  /** An origin is given up for the rest of the warm-up. */
  readonly onAway?: (origin: string, error: unknown) => void;
  readonly signal?: AbortSignal;
  /** Is told where the warm-up stands after each batch; a span for the whole, and one for each batch. */
  readonly telemetry?: Telemetry;
  /** How long the region's own store may be away, ms. Default 30 s. */
  readonly patienceMs?: number;
}

export interface WarmProgress extends WarmCounts {
  readonly keysKnown: number;
  /** Keys gone through since this run began; `keys` has those of earlier ones too. */
  readonly keysNow: number;
  readonly tookMs: number;
  /** Share of the keys that have a fresh value, 0 to 1. */
  readonly coverage: number;
  /** Share of the known reads, or of the shadowed ones, that would be hits, 0 to 1; null when no reads are known. */
  readonly hitRate: number | null;
  /** Of full speed, 0 to 1: less while live traffic waits longer than usual. */
  readonly speed: number;
}

/**
 * `complete`: every key was gone through. `gate`: warm enough. `deadline`, `budget`: stopped there. `interrupted`: by
 * the signal. `incomplete`: gone through, but with an origin away that might have had what is missing.
 */
export type WarmOutcome = 'complete' | 'gate' | 'deadline' | 'budget' | 'interrupted' | 'incomplete';

export interface WarmReport extends WarmProgress {
  readonly outcome: WarmOutcome;
  /** Origins that were given up. */
  readonly away: readonly string[];
}
