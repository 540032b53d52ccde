import { expect, it } from 'vitest';
import { drawPlan } from '../src/plan/draw-plan.ts';
import { runPlan, traceOf } from '../src/run/run.ts';

const SEEDS = Array.from({ length: 60 }, (_, i) => 1 + i * 37);

it('a seed does the same whenever it runs, whatever ran before', async () => {
  const traces = new Map<number, string>();
  for (const seed of SEEDS) traces.set(seed, traceOf(await runPlan(drawPlan(seed))));
  for (const seed of SEEDS.toReversed()) {
    // Through JSON, as plans are kept.
    const plan = JSON.parse(JSON.stringify(drawPlan(seed))) as ReturnType<typeof drawPlan>;
    expect(traceOf(await runPlan(plan)), `seed ${seed}`).toBe(traces.get(seed));
  }
  expect(new Set(traces.values()).size).toBe(SEEDS.length);
});
