import { checkHistory, type HistoryLine, toHistory, type Violation } from '@tidemark/checkers';
import { hashOf } from '../kernel/chance.ts';
import type { Plan } from '../plan/plan.ts';
import { Coverage } from './coverage.ts';
import { Faults } from './faults.ts';
import { settle } from './settle.ts';
import { cachedKeysOf } from './rows.ts';
import { Workload } from './workload.ts';
import { World } from './world.ts';

/** What became of one schedule. */
export interface RunResult {
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  /** It did not come to rest: what it was waiting for. */
  readonly stuck: string | null;
  /** The engine threw where nobody could catch it. */
  readonly crash: Error | null;
  readonly history: readonly HistoryLine[];
  readonly events: number;
  readonly operations: number;
  readonly virtualMs: number;
}

/** Runs one schedule from its beginning to rest. Deterministic: nothing but the plan decides. */
export async function runPlan(plan: Plan, coverage = new Coverage()): Promise<RunResult> {
  const world = new World(plan, coverage);
  const { loop } = world;
  const workload = new Workload(world);
  const faults = new Faults(world);
  let crash: Error | null = null;
  const onCrash = (error: unknown): void => {
    crash ??= error instanceof Error ? error : new Error(`thrown: ${JSON.stringify(error)}`);
  };
  process.on('unhandledRejection', onCrash);
  let stuck: string | null = null;
  try {
    await workload.furnish(plan.rows);
    const starts = world.places.map((place) => world.start(place));
    for (const start of starts) start.catch(onCrash);
    workload.schedule(plan.operations);
    faults.schedule(plan.faults);
    world.source.onRestored = (kept) => workload.restored(kept);
    await loop.runUntil(plan.endMs);
    world.network.healed = true;
    faults.healAll();
    stuck = await settle(world, workload);
  } catch (error) {
    onCrash(error);
  } finally {
    // Rejections that nobody handled are told of after all ticks.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onCrash);
  }
  const unfinished = workload.unfinished();
  for (const { running } of world.places) running?.life.kill();
  const history = [...workload.lines, ...unfinished, ...faults.lines, ...frameOf(world)];
  return {
    plan,
    violations: [...world.judge.violations, ...checkHistory(toHistory(history))],
    stuck,
    crash,
    history,
    events: loop.events,
    operations: workload.begun,
    virtualMs: loop.nowMs,
  };
}

/** Changes when anything that happened changes. */
export function traceOf({ history, events, virtualMs }: RunResult): string {
  return hashOf(JSON.stringify([history, events, virtualMs]))
    .toString(16)
    .padStart(8, '0');
}

/** The lines that are known at the end: the run itself, and what the source committed. */
function frameOf({ plan, source, loop }: World): HistoryLine[] {
  const { loss, tail } = plan.knobs.network;
  const patient = plan.knobs.callTimeoutMs > 1_000 && plan.knobs.loadTimeoutMs >= 5_000;
  const calm = loss + tail + plan.faults.length === 0 && patient;
  const weather = {
    type: 'fault',
    kind: 'weather',
    target: 'everywhere',
    startMs: 0,
    endMs: loop.nowMs,
  } as const;
  return [
    // Messages are lost and servers are away all the time: operations may fail, but they must end.
    ...(calm ? [] : [{ ...weather, sourceAway: 'all' as const }]),
    {
      type: 'run',
      format: 1,
      seed: plan.seed,
      startMs: 0,
      broken: null,
      limits: { readMs: 60_000, writeMs: 60_000 },
    },
    ...source.log.all.flatMap(({ key, counter, write, absent, era }) =>
      cachedKeysOf(key).map((cached) => ({
        type: 'commit' as const,
        key: cached,
        counter,
        write,
        absent,
        era,
      })),
    ),
  ];
}
