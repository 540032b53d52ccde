/**
 * - `error`: something does not work, or a promise can't be kept.
 * - `warning`: it works, and may not for long.
 * - `note`: worth knowing; nothing is wrong.
 */
export type Severity = 'error' | 'warning' | 'note';

/** What a look at a mesh found. Plain data. */
export interface Finding {
  /** Stable, for programs; explained in docs/reference/command-line.md. */
  readonly code: string;
  readonly severity: Severity;
  /** Null: the mesh as a whole. */
  readonly region: string | null;
  readonly text: string;
  /** What to do. */
  readonly mend: string;
}
