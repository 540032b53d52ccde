/** A pending timer. */
export interface Timer {
  cancel(): void;
}

/** Time, chance and ids: everything that is not a function of state and input. */
export interface Runtime {
  /** Monotonic clock of this process, ms; only differences mean anything. */
  monoMs(): number;
  /**
   * Like `monoMs`, and cheaper: it may be behind by a millisecond, or by as long as the event loop was kept busy.
   * For TTLs on the hottest path; never for a proof. Left out: `monoMs` is asked.
   */
  readonly coarseMs?: () => number;
  /** Wall clock, ms since 1970; shown to people, never compared with another machine's. */
  wallMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** At least 96 random bits as short text. */
  randomId(): string;
  /** Runs `task` once after `ms`; does not keep the process alive. */
  timer(ms: number, task: () => void): Timer;
}
