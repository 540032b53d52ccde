import { setMaxListeners } from 'node:events';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadRegions, type RegionSet } from '@tidemark/regions';
import { Beside, type Besides } from './beside.ts';
import { FAULTS_FOR, type Rule } from './break-rules.ts';
import {
  checkHistory,
  type History,
  type HistoryLine,
  parseLines,
  type RunLine,
  toHistory,
  type Violation,
} from '@tidemark/checkers';
import { machineMs } from './clock.ts';
import { commitLog, prepareDatabase } from './database.ts';
import { inject } from './faults.ts';
import { Fleet, NODES_PER_REGION } from './fleet.ts';
import { describeFault, drawPlan, FAULT_KINDS, type FaultKind } from './plan.ts';
import { showProgress } from './progress.ts';
import { seededRandom } from './random.ts';
import { type Settled, settleDown } from './settle-down.ts';
import { Topology } from './topology.ts';

/** How long an operation may take, everything included: the sum of the timeouts on its way, and some air. */
const LIMITS = { readMs: 12_000, writeMs: 20_000 };
const WARM_MAX_MS = 20_000;
const CONVERGE_MAX_MS = 30_000;
/** Without a rule it may never come. */
const CONVERGE_BROKEN_MAX_MS = 2_000;

export interface RunOptions {
  readonly durationMs: number;
  readonly seed: number;
  /** Empty: all kinds, or those that a broken rule needs. */
  readonly faults: readonly FaultKind[];
  readonly broken: Rule | null;
  readonly keys: number;
  readonly rate: number;
  readonly regionsDir: string;
  /** Runs a verifier beside the faults, at these ages; null: none. */
  readonly verify: readonly number[] | null;
  /** Exists; the history's parts are written there. */
  readonly dir: string;
  /** Ends the run early. */
  readonly signal: AbortSignal;
}

/** What a run found; printed by `--json` as it is. */
export interface Report {
  readonly seed: number;
  readonly broken: Rule | null;
  readonly durationMs: number;
  /** How many of each kind were done. */
  readonly faults: Readonly<Record<string, number>>;
  readonly reads: number;
  readonly writes: number;
  /** Operations that ended with an error, as some must while Postgres is out of reach. */
  readonly refused: number;
  readonly violations: readonly Violation[];
  /** From when faults and work had ended until every tier of every region equalled Postgres; null: never. */
  readonly convergedAfterMs: number | null;
  /** Entries of tiers that were compared with Postgres at the end. */
  readonly comparedEntries: number;
  /** What the verifier beside the run saw; null without one. */
  readonly verifier: Besides | null;
}

/** Starts everything, lets it work under faults, heals it, and judges what was recorded. */
export async function run(
  options: RunOptions,
): Promise<{ readonly report: Report; readonly history: History }> {
  const set = await loadRegions(options.regionsDir);
  const topology = await Topology.start(set);
  let fleet: Fleet | null = null;
  try {
    await prepareDatabase(topology.admin, options.keys);
    fleet = new Fleet(topology, { ...options, random: seededRandom(options.seed + 1) });
    await fleet.start();
    options.signal.throwIfAborted();
    return await work(options, topology, fleet, set);
  } finally {
    await fleet?.close();
    await topology.close();
  }
}

async function work(
  options: RunOptions,
  topology: Topology,
  fleet: Fleet,
  set: RegionSet,
): Promise<{ readonly report: Report; readonly history: History }> {
  const { seed, durationMs, broken, dir, signal, verify } = options;
  const plan = drawPlan({
    seed,
    durationMs,
    kinds: kindsOf(options),
    regions: topology.regions,
    nodesPerRegion: NODES_PER_REGION,
  });
  const progress = showProgress(fleet, durationMs);
  const lines: HistoryLine[] = [];
  const counts: Record<string, number> = {};
  const startMs = machineMs();
  let beside: Beside | null = null;
  setMaxListeners(0, signal); // Every fault of the plan waits on it.
  try {
    progress.say(`seed ${seed}: ${plan.length} faults planned`);
    fleet.begin();
    await warm(fleet, signal);
    beside = verify && (await Beside.start(topology, set, dir, verify));
    const beganMs = machineMs();
    await Promise.all([
      sleep(durationMs, undefined, { signal }),
      ...plan.map(async (fault) => {
        await sleep(Math.max(0, beganMs + fault.atMs - machineMs()), undefined, { signal });
        progress.say(describeFault(fault));
        const line = await inject({ topology, fleet }, fault);
        if (!line) return progress.say(`  not done: its server is away by an earlier fault (${fault.kind})`);
        lines.push(line);
        counts[fault.kind] = (counts[fault.kind] ?? 0) + 1;
      }),
    ]);
    await fleet.quiet();
    progress.say('healed and quiet; comparing every tier with Postgres');
    const settled = await settleDown(
      fleet,
      topology.admin,
      machineMs(),
      broken ? CONVERGE_BROKEN_MAX_MS : CONVERGE_MAX_MS,
      signal,
    );
    const besides = (await beside?.stop()) ?? null;
    beside = null;
    const totals = fleet.totals();
    const runLine: RunLine = { type: 'run', format: 1, seed, startMs, broken, limits: LIMITS };
    lines.push(runLine, ...(await commitLog(topology.admin)), ...settled.finals);
    await writeFile(join(dir, 'run.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const history = toHistory(await mergedLines(dir));
    const violations = [...deaths(fleet), ...checkHistory(history), ...slowness(settled)];
    const report: Report = {
      seed,
      broken,
      durationMs: Math.round(machineMs() - startMs),
      faults: counts,
      ...totals,
      violations,
      convergedAfterMs: settled.convergedAfterMs === null ? null : Math.round(settled.convergedAfterMs),
      comparedEntries: settled.compared,
      verifier: besides,
    };
    return { report, history };
  } finally {
    await beside?.stop();
    progress.stop();
  }
}

function kindsOf({ faults, broken }: RunOptions): readonly FaultKind[] {
  if (faults.length > 0) return faults;
  const needed = broken && (FAULTS_FOR[broken] as readonly FaultKind[] | undefined);
  return needed ?? FAULT_KINDS;
}

/** Until every node has proven its freshness once; a rule that is switched off may prevent it. */
async function warm(fleet: Fleet, signal: AbortSignal): Promise<void> {
  const untilMs = machineMs() + WARM_MAX_MS;
  while (fleet.nodes.some(({ boundMs }) => boundMs === null) && machineMs() < untilMs)
    await sleep(50, undefined, { signal });
}

/** All parts of a history become one file. */
async function mergedLines(dir: string): Promise<HistoryLine[]> {
  const parts = (await readdir(dir)).filter((name) => name.endsWith('.jsonl') && name !== 'history.jsonl');
  const texts = await Promise.all(parts.map((name) => readFile(join(dir, name), 'utf8')));
  // A part may end in the middle of a line.
  const lines = parseLines(texts.join('\n'));
  await writeFile(join(dir, 'history.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await Promise.all(parts.map((name) => rm(join(dir, name))));
  return lines;
}

function deaths(fleet: Fleet): Violation[] {
  return fleet.died.map(({ process, region, atMs, words }) => ({
    invariant: 'I10',
    key: '',
    region,
    process,
    atMs,
    what: `${process} died by itself: ${words}`,
  }));
}

function slowness({ convergedAfterMs, compared }: Settled): Violation[] {
  if (convergedAfterMs !== null) return [];
  const what = `the regions did not become equal to Postgres; ${compared} entries were compared last`;
  return [{ invariant: 'I5', key: '', region: '', process: '', atMs: Number.MAX_SAFE_INTEGER, what }];
}
