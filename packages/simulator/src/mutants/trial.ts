import { performance } from 'node:perf_hooks';
import { campaign } from '../campaign.ts';
import type { FaultKind } from '../plan/plan.ts';

/** What one trial of a mutant is told, as its only argument, and what it says, as one line. */
export interface TrialOrder {
  readonly schedules: number;
  readonly faults?: readonly FaultKind[];
}

const order = JSON.parse(process.argv[2] ?? '{"schedules":100}') as TrialOrder;
Error.stackTraceLimit = 0;
const beganMs = performance.now();
const { schedules, violations } = await campaign({
  seed: 1,
  schedules: order.schedules,
  badMax: 1,
  ...(order.faults && { faults: order.faults }),
  now: () => performance.now(),
});
process.stdout.write(
  `${JSON.stringify({ schedules, killedBy: violations[0] ?? null, ms: Math.round(performance.now() - beganMs) })}\n`,
);
process.exit(0);
