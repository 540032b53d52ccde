import { setTimeout as sleep } from 'node:timers/promises';
import type { BoundSampler } from './bound-sampler.ts';
import { cities } from './city.ts';
import type { Infrastructure } from './infrastructure.ts';
import { CONVERGE_MAX_MS, type Mesh, provenWithin } from './mesh.ts';
import type { Oracle } from './oracle.ts';
import type { Progress } from './progress.ts';
import type { Propagation } from './propagation.ts';
import type { CutReport } from './report.ts';

const CONVERGE_POLL_MS = 5;
/** Reads at once: all at once would be a herd of its own after a long cut. */
const CONVERGE_BATCH = 200;

/** Who takes part in a run, and has to know of a cut. */
export interface Parties {
  readonly infrastructure: Pick<Infrastructure, 'cut' | 'heal'>;
  readonly mesh: Mesh;
  readonly oracle: Oracle;
  readonly propagation: Propagation;
  readonly bounds: BoundSampler;
  readonly progress: Pick<Progress, 'say'>;
  readonly signal: AbortSignal;
}

/** Cuts regions off from all others and from the source, heals them, and measures how they recover. */
export class Cuts {
  readonly reports: CutReport[] = [];
  readonly #parties: Parties;
  /** When each region that is cut off now was cut. */
  readonly #sinceMs = new Map<string, number>();

  constructor(parties: Parties) {
    this.#parties = parties;
  }

  /** Regions that are cut off now. */
  get open(): readonly string[] {
    return [...this.#sinceMs.keys()];
  }

  get regions(): readonly string[] {
    return [...new Set(this.#parties.mesh.nodes.map(({ region }) => region))];
  }

  /** One line to whoever watches the run. */
  say(line: string): void {
    this.#parties.progress.say(line);
  }

  /** Of a region that is cut off already: nothing. */
  cut(region: string): void {
    if (this.#sinceMs.has(region)) return;
    const { infrastructure, bounds, propagation, progress } = this.#parties;
    this.#sinceMs.set(region, performance.now());
    bounds.except.add(region);
    propagation.cutOff.add(region);
    propagation.forget(region);
    infrastructure.cut(region);
    progress.say(`${region} is cut off from the other regions and from the source`);
  }

  /** Resolves when it has converged, or will not; of a region that is not cut off: at once. */
  async heal(region: string): Promise<void> {
    const cutAtMs = this.#sinceMs.get(region);
    if (cutAtMs === undefined) return;
    const { infrastructure, oracle, propagation, bounds, progress, mesh, signal } = this.#parties;
    const healedAtMs = performance.now();
    const owed = oracle.writtenBetween(cutAtMs, healedAtMs);
    infrastructure.heal(region);
    this.#sinceMs.delete(region);
    progress.say(`${region} is healed; ${owed.length} cities changed meanwhile`);
    const convergedAtMs = await this.#converge(region, owed, healedAtMs);
    propagation.cutOff.delete(region);
    await provenWithin(mesh, CONVERGE_MAX_MS, healedAtMs, signal);
    bounds.except.delete(region);
    this.reports.push({
      region,
      ms: Math.round(healedAtMs - cutAtMs),
      convergedAfterMs: convergedAtMs === null ? null : Math.round(convergedAtMs - healedAtMs),
    });
  }

  /** Waits until every node of the region reads every owed city as written before the heal; null: never. */
  async #converge(region: string, owed: readonly number[], healedAtMs: number): Promise<number | null> {
    const { mesh, oracle, signal } = this.#parties;
    const nodes = mesh.of(region).map(({ node }) => node);
    let left = nodes.flatMap((node) => owed.map((id) => ({ node, id })));
    while (left.length > 0) {
      if (performance.now() - healedAtMs > CONVERGE_MAX_MS) return null;
      const current: boolean[] = [];
      for (let from = 0; from < left.length; from += CONVERGE_BATCH) {
        const batch = left.slice(from, from + CONVERGE_BATCH).map(async ({ node, id }) => {
          const city = await node.get(cities, { id }).catch(() => null);
          return city !== null && city.revision >= oracle.revisionBefore(id, healedAtMs);
        });
        current.push(...(await Promise.all(batch)));
      }
      left = left.filter((_, i) => !current[i]);
      if (left.length > 0) await sleep(CONVERGE_POLL_MS, undefined, { signal });
    }
    return performance.now();
  }
}
