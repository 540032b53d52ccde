import { randomUUID } from 'node:crypto';
import { ConfigurationError, noTelemetry, type Telemetry, type Version } from '@tidemark/core';
import type { Mesh } from '@tidemark/inspect';
import { AGES_MS } from './ages.ts';
import { Budget } from './budget.ts';
import type { Contents } from './content.ts';
import { FINDING_KINDS, type Suspicion, type VerifierFinding } from './finding.ts';
import { Intake } from './intake.ts';
import { Keeper } from './keeper.ts';
import { Lane } from './lane.ts';
import { Narrator } from './narrator.ts';
import type { VerifierReport } from './report.ts';
import { isSampled } from './sample.ts';
import type { SavedState } from './saved-state.ts';
import { Schedule } from './schedule.ts';
import { Tally } from './tally.ts';

export interface VerifierOptions {
  readonly mesh: Mesh;
  /** How to read what services cached: only with it are contents, schemas and bytes checked. */
  readonly contents?: Contents | null;
  /** How long after an invalidation its key is checked, ms, rising. Default 1 s, 10 s, 1 min, 5 min. */
  readonly agesMs?: readonly number[];
  /** Share of the invalidations that are checked, 0 to 1. Default 1. */
  readonly sample?: number;
  /** Keys a second that each region is asked for at most. Default 1,000. */
  readonly rate?: number;
  /** Loads a second for comparisons with the source. Default 20. */
  readonly loadsPerSecond?: number;
  /** Invalidations that wait for their checks; beyond it they are counted, not checked. Default 100,000. */
  readonly pendingMax?: number;
  /** Keeps what is pending and counted in the source under this name. Default: in memory only. */
  readonly state?: string | null;
  readonly telemetry?: Telemetry;
  readonly onFinding: (finding: VerifierFinding) => void;
  /** Told when another verifier has the state: it is waited for, or (`superseded`) nothing is saved any more. */
  readonly onState?: (what: 'waiting' | 'taken' | 'superseded') => void;
}

/**
 * Takes invalidations as a cache does, asks every tier of every region for them at growing ages, and counts what it finds;
 * see docs/how-to/verify.md. Start it once, and stop it: the mesh stays its owner's.
 */
export class Verifier {
  readonly #options: VerifierOptions;
  readonly #agesMs: readonly number[];
  readonly #schedule: Schedule;
  readonly #tally = new Tally();
  readonly #intake: Intake;
  readonly #lanes: readonly Lane[];
  readonly #keeper: Keeper | null;
  readonly #narrator: Narrator;
  readonly #telemetry: Telemetry;
  readonly #stopping = new AbortController();
  readonly #findings = new Map<string, number>();
  #seen = { events: 0, sampledOut: 0, noRoom: 0, compared: 0 };
  #sinceMs = Date.now();
  #stopped: Promise<void> | null = null;

  /** @throws ConfigurationError for options that can't work */
  constructor(options: VerifierOptions) {
    const { mesh, agesMs = AGES_MS, rate = 1_000, loadsPerSecond = 20, pendingMax = 100_000 } = options;
    checkOptions({ ...options, agesMs, rate, loadsPerSecond, pendingMax });
    this.#options = options;
    this.#agesMs = agesMs;
    this.#telemetry = options.telemetry ?? noTelemetry;
    const monoMs = (): number => performance.now();
    const regions = mesh.regions.map(({ region }) => region.id);
    this.#schedule = new Schedule({ regions, agesMs, pendingMax });
    this.#intake = new Intake(mesh, (key, version) => this.#take(key, version));
    this.#narrator = new Narrator(mesh, options.onFinding);
    const loads = new Budget(loadsPerSecond, monoMs());
    this.#lanes = mesh.regions.map(
      (member) =>
        new Lane(member, {
          ...{ mesh, agesMs, rate, loads, monoMs },
          schedule: this.#schedule,
          tally: this.#tally,
          contents: options.contents ?? null,
          onChecks: (region, tier, ageMs, outcome, times) =>
            this.#telemetry.record({ type: 'verified', region, tier, ageMs, outcome, times }),
          onCompared: () => void (this.#seen.compared += 1),
          onFinding: (suspicion) => this.#found(suspicion),
        }),
    );
    this.#keeper =
      options.state === undefined || options.state === null
        ? null
        : new Keeper(
            {
              ...{ mesh, name: options.state, schedule: this.#schedule, agesMs, monoMs },
              state: () => this.#state(),
              onSuperseded: () => options.onState?.('superseded'),
            },
            randomUUID(),
          );
  }

  /** Resolves once it follows what can be reached. With a `state`: first waits for a verifier that has it. */
  async start(): Promise<void> {
    if (this.#keeper) {
      const saved = await this.#keeper.take(this.#stopping.signal, () => this.#options.onState?.('waiting'));
      if (this.#stopping.signal.aborted) return;
      if (saved) this.#goOn(saved);
      this.#options.onState?.('taken');
    }
    this.#announceSeries();
    await this.#intake.start();
    if (this.#stopping.signal.aborted) return;
    for (const lane of this.#lanes) lane.start();
    this.#keeper?.start();
  }

  /** Ends what is under way, saves, and tells what is still to be told. */
  stop(): Promise<void> {
    this.#stopping.abort();
    return (this.#stopped ??= (async () => {
      await this.#intake.stop();
      await Promise.all(this.#lanes.map((lane) => lane.stop()));
      await this.#keeper?.stop();
      await this.#narrator.done();
    })());
  }

  report(): VerifierReport {
    return {
      sinceMs: this.#sinceMs,
      seen: { ...this.#seen },
      pending: this.#schedule.pending,
      ages: this.#tally.ages(),
      cells: this.#tally.cells,
      findings: Object.fromEntries(this.#findings),
      sourceThere: this.#intake.sourceThere,
    };
  }

  /** A counter that has not counted yet is no series, and no alert can tell it from one that is not collected. */
  #announceSeries(): void {
    for (const { region } of this.#options.mesh.regions) {
      for (const tier of ['l1', 'l2'] as const) {
        const at = { region: region.id, tier };
        for (const ageMs of this.#agesMs) {
          for (const outcome of ['inconsistent', 'notAsked', 'late'] as const)
            this.#telemetry.record({ type: 'verified', ...at, ageMs, outcome, times: 0 });
        }
        for (const kind of FINDING_KINDS) this.#telemetry.record({ type: 'finding', ...at, kind, times: 0 });
      }
    }
  }

  #take(key: string, version: Version): void {
    if (!isSampled(key, version, this.#options.sample ?? 1)) {
      this.#seen.sampledOut += 1;
      return;
    }
    const taken = this.#schedule.add(key, version, performance.now());
    if (taken === 'taken') this.#seen.events += 1;
    if (taken === 'full') this.#seen.noRoom += 1;
  }

  #found(suspicion: Suspicion): void {
    const { kind, region, tier } = suspicion;
    this.#findings.set(kind, (this.#findings.get(kind) ?? 0) + 1);
    this.#telemetry.record({ type: 'finding', kind, region, tier, times: 1 });
    this.#narrator.tell(suspicion);
  }

  #state(): Omit<SavedState, 'format' | 'writer'> {
    return {
      nextId: this.#schedule.nextId,
      agesMs: this.#agesMs,
      places: this.#schedule.places,
      cells: this.#tally.cells,
      seen: this.#seen,
      findings: Object.fromEntries(this.#findings),
      horizon: this.#intake.horizon,
      sinceMs: this.#sinceMs,
    };
  }

  #goOn({ cells, seen, findings, horizon, sinceMs }: SavedState): void {
    this.#tally.restore(cells);
    this.#seen = { ...this.#seen, ...seen };
    for (const [kind, count] of Object.entries(findings)) this.#findings.set(kind, count);
    this.#intake.horizon = horizon;
    this.#sinceMs = sinceMs;
  }
}

function checkOptions(
  options: Required<Pick<VerifierOptions, 'agesMs' | 'rate' | 'loadsPerSecond' | 'pendingMax'>> & {
    readonly sample?: number;
  },
): void {
  const { agesMs, sample = 1 } = options;
  const rising = agesMs.every((ageMs, i) => Number.isFinite(ageMs) && ageMs > (agesMs[i - 1] ?? 0));
  if (agesMs.length === 0 || !rising)
    throw new ConfigurationError('ages must be durations, each longer than the one before');
  if (!(sample > 0 && sample <= 1))
    throw new ConfigurationError(`sample must be above 0, and at most 1; got ${sample}`);
  for (const name of ['rate', 'loadsPerSecond', 'pendingMax'] as const) {
    if (Number.isInteger(options[name]) && options[name] >= 1) continue;
    throw new ConfigurationError(`${name} must be a whole number from 1, got ${options[name]}`);
  }
}
