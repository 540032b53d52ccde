import { compareVersions, isScopeKey, type Version } from '@tidemark/core';
import type { Mesh } from '@tidemark/inspect';
import { Budget } from './budget.ts';
import type { Contents } from './content.ts';
import { type Examined, examine } from './examine.ts';
import type { Suspicion } from './finding.ts';
import { judgeAge, servedScope } from './judge.ts';
import { LOOK_KEYS_MAX, type RegionLook, RegionWatch } from './look.ts';
import type { DueCheck, Schedule } from './schedule.ts';
import { type Raised, Suspects } from './suspects.ts';
import type { Outcome, Tally, VerifiedTier } from './tally.ts';

const TURN_MS = 100;
/** Looks of a region that are under way at a time. */
const LOOKS_MAX = 4;

export interface LaneParts {
  readonly mesh: Mesh;
  readonly schedule: Schedule;
  readonly tally: Tally;
  readonly agesMs: readonly number[];
  readonly contents: Contents | null;
  /** Keys a second. */
  readonly rate: number;
  readonly loads: Budget;
  readonly monoMs: () => number;
  readonly onChecks: (
    region: string,
    tier: VerifiedTier,
    ageMs: number,
    outcome: Outcome,
    times: number,
  ) => void;
  /** Told of each content that was compared with a load. */
  readonly onCompared: () => void;
  readonly onFinding: (suspicion: Suspicion) => void;
}

/** Makes one region's checks when they are due: a region that hangs holds up only itself. */
export class Lane {
  readonly #watch: RegionWatch;
  readonly #parts: LaneParts;
  readonly #budget: Budget;
  readonly #suspects = new Suspects();
  #running: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(member: Mesh['regions'][number], parts: LaneParts) {
    this.#parts = parts;
    this.#watch = new RegionWatch(parts.mesh, member, parts.monoMs);
    this.#budget = new Budget(parts.rate, parts.monoMs());
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#turn().finally(() => {
        if (!this.#stopped) this.start();
      });
    }, TURN_MS);
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#running;
  }

  async #turn(): Promise<void> {
    const { schedule, monoMs, agesMs } = this.#parts;
    const { region } = this.#watch;
    const nowMs = monoMs();
    const max = Math.min(this.#budget.left(nowMs), LOOKS_MAX * LOOK_KEYS_MAX);
    const { due, late } = schedule.take(region, nowMs, max);
    this.#budget.spend(due.length);
    late.forEach((times, age) => {
      for (const tier of ['l1', 'l2'] as const) this.#count(tier, agesMs[age]!, 'late', times);
    });
    const checks = new Map<string, DueCheck[]>();
    for (const check of due) checks.set(check.key, [...(checks.get(check.key) ?? []), check]);
    const again = new Map(this.#suspects.due(nowMs).map((each) => [each.key, each.checks]));
    const keys = [...new Set([...checks.keys(), ...again.keys()])];
    const looks: Promise<void>[] = [];
    for (let at = 0; at < keys.length; at += LOOK_KEYS_MAX) {
      looks.push(this.#look(keys.slice(at, at + LOOK_KEYS_MAX), checks, again));
    }
    await Promise.all(looks);
    schedule.made(region);
  }

  async #look(
    keys: readonly string[],
    due: ReadonlyMap<string, readonly DueCheck[]>,
    again: ReadonlyMap<string, readonly DueCheck[]>,
  ): Promise<void> {
    const { mesh, contents, loads, monoMs } = this.#parts;
    const { region } = this.#watch;
    const look = await this.#watch.look(keys);
    const raised: Raised[] = [];
    await Promise.all(
      keys.map(async (key) => {
        const checks = due.get(key) ?? [];
        if (isScopeKey(key)) {
          for (const check of checks) this.#checkScope(check, look);
          return;
        }
        const second = again.get(key);
        // A second look is worth a load, whatever is left of the budget.
        const mayLoad = (): boolean => second !== undefined || loads.take(monoMs());
        const examined = await examine(mesh, { key, region }, look, contents, mayLoad);
        if (examined.compared) this.#parts.onCompared();
        raised.push(...examined.suspicions.map((suspicion) => ({ suspicion, check: null })));
        for (const check of checks) raised.push(...this.#check(check, examined, look, true));
        for (const check of second ?? []) raised.push(...this.#check(check, examined, look, false));
      }),
    );
    const asked = new Set(keys);
    const judged = ({ key, tier }: Suspicion): boolean =>
      asked.has(key) && look.source !== null && (tier === 'l2' ? look.store : look.nodes) !== null;
    for (const each of this.#suspects.look(judged, raised, monoMs())) this.#parts.onFinding(each);
  }

  /** Judges what every tier serves by an event of some age; a first look counts, a second one does not. */
  #check(check: DueCheck, { l1, l2 }: Examined, look: RegionLook, counts: boolean): Raised[] {
    const { agesMs, monoMs } = this.#parts;
    const { region } = this.#watch;
    const { key, version } = check;
    const ageMs = agesMs[check.age]!;
    const about = {
      ...{ key, region, version },
      ageMs: monoMs() - check.seenAtMs,
      isLastAge: check.age === agesMs.length - 1,
      newest: look.source?.after.get(key)?.version ?? null,
    };
    const raised: Raised[] = [];
    const judge = (tier: VerifiedTier, served: Version | null, boundMs: number, node?: string): void => {
      const { consistent, suspicion } = judgeAge({
        ...{ ...about, tier, served, boundMs },
        ...(node !== undefined && { node }),
      });
      if (counts) this.#count(tier, ageMs, consistent ? 'consistent' : 'inconsistent');
      if (suspicion) raised.push({ suspicion, check });
    };
    if (look.store) judge('l2', l2, look.store.boundMs);
    for (const { node, served, boundMs } of l1) judge('l1', served, boundMs, node);
    if (!counts) return raised;
    if (!look.store) this.#count('l2', ageMs, 'notAsked');
    // How many nodes there are is known as far as they answered before.
    this.#count('l1', ageMs, 'notAsked', look.nodes ? look.nodes.silent : 1);
    return raised;
  }

  /** An event about a whole keyspace: what each value is worth after it is judged with that value's own key. */
  #checkScope(check: DueCheck, { store, source }: RegionLook): void {
    const ageMs = this.#parts.agesMs[check.age]!;
    if (!store) return this.#count('l2', ageMs, 'notAsked');
    const served = servedScope(check.key, store.meta, source?.rows.get(check.key) ?? null);
    const isKnown = !served || compareVersions(served, check.version) >= 0;
    return this.#count('l2', ageMs, isKnown ? 'consistent' : 'inconsistent');
  }

  #count(tier: VerifiedTier, ageMs: number, outcome: Outcome, times = 1): void {
    if (times === 0) return;
    const { region } = this.#watch;
    this.#parts.tally.add({ region, tier, ageMs }, outcome, times);
    this.#parts.onChecks(region, tier, ageMs, outcome, times);
  }
}
