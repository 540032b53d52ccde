/** One measured figure of one subject in one round. */
export interface Sample {
  readonly subject: string;
  readonly metric: string;
  readonly value: number;
  /** A point of a course over time, seconds from its beginning: drawn, and in no table. */
  readonly atS?: number;
}

export type Unit = 'ops/s' | 'events/s' | 'ms' | 'µs' | 'bytes' | 'count' | 'share';

export interface Metric {
  readonly name: string;
  readonly unit: Unit;
  readonly better: 'higher' | 'lower';
}

/** What the project promises of a scenario: a bound for a figure, or for its ratio to another subject's. */
export interface Target {
  readonly says: string;
  readonly metric: string;
  readonly subject: string;
  /** The bound is for subject / against; left out: for the figure itself. */
  readonly against?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** What a scenario is run with. */
export interface BenchContext {
  /** Each round measures all subjects, one after the other, so that drift of the machine hits all alike. */
  readonly rounds: number;
  /** Small sizes: that it works is what counts. */
  readonly quick: boolean;
  readonly signal: AbortSignal;
  progress(text: string): void;
}

export interface Scenario {
  /** What `--only` takes. */
  readonly name: string;
  readonly title: string;
  /** How it is measured, in a sentence or two, for the report. */
  readonly how: string;
  /** The subject that ratios are taken against. */
  readonly floor: string | null;
  readonly metrics: readonly Metric[];
  readonly targets: readonly Target[];
  run(context: BenchContext): AsyncIterable<Sample>;
}
