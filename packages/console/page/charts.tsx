import type { Hello, Sample } from '../src/api.ts';
import { percent, span } from './format.ts';
import { TimeChart } from './time-chart.tsx';

interface ChartProps {
  readonly hello: Hello;
  readonly history: readonly Sample[];
}

const LIMIT_MS = 10_000;
const TICKS = [100, 1_000, 10_000, 60_000, 600_000, 3_600_000];
const HITS_OVER = 10;

/** How old a cached value may be, proven, in each region. */
export function BoundChart({ hello, history }: ChartProps) {
  const series = hello.regions.map((name, i) => ({
    name,
    values: history.map(({ boundMs }) => boundMs[i] ?? null),
  }));
  const most = Math.max(LIMIT_MS, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const top = TICKS.find((each) => each >= most * 1.2) ?? most;
  return (
    <section class="panel half" aria-labelledby="bound-title">
      <h2 id="bound-title">Staleness bound</h2>
      <p class="hint">Every write acknowledged longer ago is proven to be applied.</p>
      <TimeChart
        title="Staleness bound over the last minutes"
        atMs={history.map(({ atMs }) => atMs)}
        series={series}
        spanMs={hello.historyMs}
        log
        domain={[100, top]}
        ticks={TICKS.filter((each) => each <= top)}
        format={span}
        limit={{ value: LIMIT_MS, text: 'beyond this nothing fresh is proven' }}
      />
    </section>
  );
}

/** Share of the reads that a cache answered. */
export function HitRateChart({ hello, history }: ChartProps) {
  const series = hello.regions.map((name, i) => ({
    name,
    values: smooth(history.map(({ hitRate }) => hitRate[i] ?? null)),
  }));
  return (
    <section class="panel half" aria-labelledby="hits-title">
      <h2 id="hits-title">Hit rate</h2>
      <p class="hint">
        {hello.now.nodes.length === 0
          ? 'No node answers: hit rates and hot keys are unknown.'
          : `Reads that L1 or L2 answered, over the last ${HITS_OVER} s.`}
      </p>
      <TimeChart
        title="Hit rate over the last minutes"
        atMs={history.map(({ atMs }) => atMs)}
        series={series}
        spanMs={hello.historyMs}
        domain={[0, 1]}
        ticks={[0, 0.25, 0.5, 0.75, 1]}
        format={percent}
        tick={(value) => `${100 * value} %`}
      />
    </section>
  );
}

/** The mean of the last seconds: single seconds of a quiet region jump between 0 and 1. */
function smooth(values: readonly (number | null)[]): (number | null)[] {
  return values.map((value, i) => {
    if (value === null) return null;
    const known = values.slice(Math.max(0, i - HITS_OVER + 1), i + 1).filter((each) => each !== null);
    return known.reduce((sum, each) => sum + each, 0) / known.length;
  });
}
