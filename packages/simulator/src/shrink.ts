import type { Plan } from './plan/plan.ts';
import { Coverage } from './run/coverage.ts';
import { runPlan, type RunResult } from './run/run.ts';
import { verdictOf } from './run/verdict.ts';

const RUNS_MAX = 1_500;

export interface Shrunk {
  readonly plan: Plan;
  readonly result: RunResult;
  readonly runs: number;
}

/**
 * Makes a bad plan smaller while it stays bad in the same way: fewer operations and faults (delta debugging,
 * Zeller and Hildebrandt 2002), then calmer knobs. What is left keeps its luck, since luck goes by name.
 */
export async function shrink(
  bad: Plan,
  onProgress: (plan: Plan, runs: number) => void = () => {},
): Promise<Shrunk> {
  let result = await runPlan(bad, new Coverage());
  const wanted = sign(result);
  let plan = bad;
  let runs = 1;
  const keepIf = async (smaller: Plan): Promise<boolean> => {
    if (runs >= RUNS_MAX) return false;
    runs += 1;
    const tried = await runPlan(smaller, new Coverage());
    if (sign(tried) !== wanted) return false;
    plan = smaller;
    result = tried;
    onProgress(plan, runs);
    return true;
  };
  for (let before = ''; before !== JSON.stringify(plan) && runs < RUNS_MAX;) {
    before = JSON.stringify(plan);
    await dropFrom(
      () => plan.faults,
      (faults) => keepIf({ ...plan, faults }),
    );
    await dropFrom(
      () => plan.operations,
      (operations) => keepIf({ ...plan, operations }),
    );
    for (const calmer of calmed(plan)) await keepIf(calmer(plan));
  }
  return { plan, result, runs };
}

/** The same kind of badness: another bug on the way would lead astray. */
function sign(result: RunResult): string {
  return `${verdictOf(result)} ${result.violations[0]?.invariant ?? ''}`;
}

async function dropFrom<T>(
  all: () => readonly T[],
  keepIf: (fewer: readonly T[]) => Promise<boolean>,
): Promise<void> {
  for (let size = Math.ceil(all().length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < all().length;) {
      const fewer = [...all().slice(0, at), ...all().slice(at + size)];
      if (!(await keepIf(fewer))) at += size;
    }
  }
}

type Calmer = (plan: Plan) => Plan;

/** One thing less to think of, each. */
function calmed({ knobs, rows, nodes }: Plan): Calmer[] {
  const withKnobs =
    (change: Partial<Plan['knobs']>): Calmer =>
    (plan) => ({ ...plan, knobs: { ...plan.knobs, ...change } });
  return [
    withKnobs({ network: { ...knobs.network, loss: 0 } }),
    withKnobs({ network: { ...knobs.network, tail: 0 } }),
    withKnobs({ network: { ...knobs.network, repeat: 0 } }),
    withKnobs({ delivery: { twice: 0, overtakes: 0, dropped: 0 } }),
    withKnobs({ partitions: 1 }),
    withKnobs({ messagesMax: 10_000 }),
    withKnobs({ store: { entriesMax: 10_000, tombstoneTtlMs: 600_000 } }),
    withKnobs({ rows: { ...knobs.rows, ttlMs: 3_600_000, staleMs: 0 } }),
    withKnobs({ rows: { ...knobs.rows, onWrite: 'invalidate', copyOnWrite: 'invalidate' } }),
    withKnobs({ replicaLagsMs: [] }),
    withKnobs({ slowLoad: 0 }),
    withKnobs({ sessions: false }),
    withKnobs({ l1EntriesMax: 64, loadConcurrencyMax: 32, leaseWaitMs: 2_000 }),
    (plan) => ({ ...plan, clocks: plan.clocks.map(() => ({ offsetMs: 0, rate: 1, wallSkewMs: 0 })) }),
    (plan) => ({ ...plan, releases: plan.releases.slice(0, 1) }),
    ...(rows > 1 ? [(plan: Plan) => ({ ...plan, rows: 1 })] : []),
    ...(nodes.length > 1 ? [(plan: Plan) => ({ ...plan, nodes: nodes.slice(0, -1) })] : []),
    (plan) => ({ ...plan, nodes: plan.nodes.map(() => 1) }),
  ];
}
