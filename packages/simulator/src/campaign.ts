import { drawPlan } from './plan/draw-plan.ts';
import { FAULT_KINDS, type FaultKind } from './plan/plan.ts';
import { Coverage } from './run/coverage.ts';
import { runPlan, type RunResult } from './run/run.ts';
import { headlineOf, type Verdict, verdictOf } from './run/verdict.ts';

export interface CampaignOptions {
  /** The first schedule's seed; the others follow. */
  readonly seed: number;
  /** At most so many. */
  readonly schedules: number;
  /** At most so long, ms of real time. */
  readonly forMs?: number;
  readonly faults?: readonly FaultKind[];
  /** Go on after so many bad schedules. Default: stop at 10. */
  readonly badMax?: number;
  readonly signal?: AbortSignal;
  /** The real clock, ms. */
  readonly now: () => number;
  readonly onProgress?: (so: CampaignReport) => void;
}

/** One bad schedule, as the report lists it. */
export interface BadSchedule {
  readonly seed: number;
  readonly verdict: Exclude<Verdict, 'clean'>;
  readonly what: string;
}

/** What many schedules showed; plain data. */
export interface CampaignReport {
  readonly firstSeed: number;
  readonly schedules: number;
  readonly seconds: number;
  readonly schedulesPerSecond: number;
  /** Operations of the simulated service: reads and writes. */
  readonly operations: number;
  readonly operationsPerSecond: number;
  /** Requests that servers were sent. */
  readonly calls: number;
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly virtualSeconds: number;
  /** How often each fault took effect. */
  readonly faults: Readonly<Record<string, number>>;
  /** States and refusals of the protocol, and what the network did. */
  readonly states: Readonly<Record<string, number>>;
  /** What never happened although it might have: a run without it shows nothing about it. */
  readonly missing: readonly string[];
  readonly violations: readonly BadSchedule[];
}

/** The event loop of the machine gets a turn after so many schedules. */
const BREATH_EVERY = 32;
const PROGRESS_EVERY_MS = 500;
const BAD_MAX = 10;

/** What a campaign of any size must have come across. */
const EXPECTED: readonly string[] = [
  'fill-admitted',
  'fill-below-tidemark',
  'fill-base',
  'fill-era',
  'fill-epoch',
  'fill-scope',
  'fill-incarnation',
  'fill-rolled-back',
  'batch-advanced',
  'batch-behind',
  'batch-gap',
  'batch-mark',
  'batch-uninitialised',
  'record-value',
  'record-tombstone',
  'record-beside',
  'read-l1-fresh',
  'read-l2-fresh',
  'read-l2-stale',
  'read-source-below-tidemark',
  'read-source-rolled-back',
  'read-source-seen-newer',
  'read-source-void',
  'read-source-dependency',
  'read-source-store-down',
  'read-source-unproven',
  'late-request-executed',
  'request-repeated',
  'message-lost',
  'message-late',
  'stream-message-twice',
  'stream-message-overtakes',
  'stream-message-dropped',
  'stream-overrun-noticed',
  'stream-gone-noticed',
  'replica-behind',
  'feed-gap-gap',
  'feed-gap-joined',
  'feed-gap-silent',
  'resync',
  'resync-failed',
  'lease-wait',
  'slow-load',
  'crashed-at-call',
  'source-went-back',
  'store-went-back',
  'epoch-raised',
  'published',
  'published-back',
  'viewed',
];

/** Runs schedules one after the other, and adds up what they showed. */
export async function campaign(options: CampaignOptions): Promise<CampaignReport> {
  const { seed, schedules, faults = FAULT_KINDS, badMax = BAD_MAX, now, signal, onProgress } = options;
  const coverage = new Coverage();
  const bad: BadSchedule[] = [];
  const sums = { schedules: 0, events: 0, operations: 0, virtualMs: 0 };
  const beganMs = now();
  const untilMs = beganMs + (options.forMs ?? Number.POSITIVE_INFINITY);
  let toldMs = beganMs;
  const report = (): CampaignReport => toReport(seed, (now() - beganMs) / 1_000, sums, coverage, bad, faults);
  for (
    let at = 0;
    at < schedules && bad.length < badMax && now() < untilMs && signal?.aborted !== true;
    at += 1
  ) {
    const result = await runPlan(drawPlan(seed + at, faults), coverage);
    sums.schedules += 1;
    sums.events += result.events;
    sums.operations += result.operations;
    sums.virtualMs += result.virtualMs;
    note(bad, seed + at, result);
    if (at % BREATH_EVERY === 0) await new Promise((resolve) => setImmediate(resolve));
    if (now() - toldMs < PROGRESS_EVERY_MS) continue;
    toldMs = now();
    onProgress?.(report());
  }
  return report();
}

function note(bad: BadSchedule[], seed: number, result: RunResult): void {
  const verdict = verdictOf(result);
  if (verdict !== 'clean') bad.push({ seed, verdict, what: headlineOf(result) });
}

function toReport(
  firstSeed: number,
  seconds: number,
  sums: { schedules: number; events: number; operations: number; virtualMs: number },
  coverage: Coverage,
  violations: readonly BadSchedule[],
  faults: readonly FaultKind[],
): CampaignReport {
  const perSecond = (count: number): number => Math.round(count / Math.max(seconds, 0.001));
  const all = [...coverage.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  const isFault = ([name]: readonly [string, number]): boolean => name.startsWith('fault ');
  const happened = Object.fromEntries(all.filter(isFault).map(([name, count]) => [name.slice(6), count]));
  const states = Object.fromEntries(all.filter((each) => !isFault(each)));
  return {
    firstSeed,
    schedules: sums.schedules,
    seconds: Math.round(seconds * 10) / 10,
    schedulesPerSecond: perSecond(sums.schedules),
    operations: sums.operations,
    operationsPerSecond: perSecond(sums.operations),
    calls: coverage.calls,
    events: sums.events,
    eventsPerSecond: perSecond(sums.events),
    virtualSeconds: Math.round(sums.virtualMs / 1_000),
    faults: happened,
    states,
    missing: [...faults.filter((kind) => !happened[kind]), ...EXPECTED.filter((name) => !states[name])],
    violations: [...violations],
  };
}
