/** A promise that a history shows broken. */
export interface Violation {
  /** `I1` to `I14`, as in docs/reference/guarantees.md; `integrity` for an answer that was never written. */
  readonly invariant: string;
  readonly key: string;
  readonly region: string;
  readonly process: string;
  readonly atMs: number;
  /** What happened, in words. */
  readonly what: string;
}
