import type { Machine } from './machine.ts';
import type { Metric, Sample, Scenario, Target } from './scenario.ts';
import { median } from './statistics.ts';

/** A subject's figure over all rounds. */
export interface Row {
  readonly subject: string;
  readonly metric: Metric;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
  /** To the floor's: the median of the rounds' ratios, or null without a floor. */
  readonly ratio: number | null;
}

export interface TargetOutcome {
  readonly says: string;
  /** What the target bounds; null: it was not measured. */
  readonly value: number | null;
  readonly bound: number;
  readonly met: boolean;
}

export interface ScenarioReport {
  readonly name: string;
  readonly title: string;
  readonly how: string;
  readonly floor: string | null;
  readonly rows: readonly Row[];
  readonly targets: readonly TargetOutcome[];
  /** Courses over time, for its chart. */
  readonly points?: readonly Sample[];
  readonly seconds: number;
  /** Why it ended early; its rows are those until then. */
  readonly error?: string;
}

export interface BenchReport {
  readonly machine: Machine;
  readonly scenarios: readonly ScenarioReport[];
}

/** Medians, spreads and ratios of what a scenario measured. Rounds are told apart by their order. */
export function summarise(
  scenario: Scenario,
  all: readonly Sample[],
): Pick<ScenarioReport, 'rows' | 'targets' | 'points'> {
  const rows: Row[] = [];
  const points = all.filter(({ atS }) => atS !== undefined);
  const samples = all.filter(({ atS }) => atS === undefined);
  for (const metric of scenario.metrics) {
    const subjects = new Set(
      samples.filter((each) => each.metric === metric.name).map(({ subject }) => subject),
    );
    for (const subject of subjects) {
      const values = valuesOf(samples, metric.name, subject);
      rows.push({
        subject,
        metric,
        median: median(values),
        min: Math.min(...values),
        max: Math.max(...values),
        rounds: values.length,
        ratio: scenario.floor === null ? null : ratioOf(samples, metric.name, subject, scenario.floor),
      });
    }
  }
  const targets = scenario.targets.map((target) => judge(target, samples));
  return points.length === 0 ? { rows, targets } : { rows, targets, points };
}

function valuesOf(samples: readonly Sample[], metric: string, subject: string): number[] {
  return samples
    .filter((each) => each.metric === metric && each.subject === subject)
    .map(({ value }) => value);
}

/** Ratios are taken within a round, where both met the same machine. */
function ratioOf(
  samples: readonly Sample[],
  metric: string,
  subject: string,
  against: string,
): number | null {
  const of = valuesOf(samples, metric, subject);
  const to = valuesOf(samples, metric, against);
  const ratios = of.slice(0, to.length).flatMap((value, i) => (to[i] ? [value / to[i]] : []));
  return ratios.length === 0 ? null : median(ratios);
}

function judge(
  { says, metric, subject, against, atLeast, atMost }: Target,
  samples: readonly Sample[],
): TargetOutcome {
  const values = valuesOf(samples, metric, subject);
  const value =
    against !== undefined
      ? ratioOf(samples, metric, subject, against)
      : values.length === 0
        ? null
        : median(values);
  const bound = (atLeast ?? atMost)!;
  const met = value !== null && (atLeast !== undefined ? value >= atLeast : value <= bound);
  return { says, value, bound, met };
}
