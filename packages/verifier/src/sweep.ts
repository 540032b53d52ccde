import { setTimeout as pause } from 'node:timers/promises';
import { compareVersions, isKey, isScopeKey, partitionOf, type Version } from '@tidemark/core';
import type { Mesh, MeshRegion } from '@tidemark/inspect';
import { Budget } from './budget.ts';
import type { Contents } from './content.ts';
import { type Examined, examine } from './examine.ts';
import type { Suspicion, VerifierFinding } from './finding.ts';
import { judgeAge } from './judge.ts';
import { LOOK_KEYS_MAX, type RegionLook, RegionWatch } from './look.ts';
import { Narrator } from './narrator.ts';
import { Suspects } from './suspects.ts';

const SECOND_LOOK_MS = 800;
/** What is behind is looked at again when a region that works would long have heard of it. */
const CATCH_UP_MS = 5_000;
/** Keys that are behind and looked at again; those on top are only counted. */
const BEHIND_MAX = 1_000;
/** Loads at a time. */
const LOADS_MAX = 3;

export interface SweepOptions {
  readonly mesh: Mesh;
  readonly contents?: Contents | null;
  /** Keys a second. Default 2,000. */
  readonly rate?: number;
  /** Only this part of the keys, by their hash: parts may run one after the other, or at once. */
  readonly shard?: { readonly index: number; readonly count: number };
  readonly signal?: AbortSignal;
  readonly onFinding: (finding: VerifierFinding) => void;
  readonly onProgress?: (progress: SweepProgress) => void;
}

export interface SweepProgress {
  readonly region: string;
  readonly keys: number;
  /** About: names in its Redis, other programs' and those without a value included. */
  readonly total: number;
}

/** One region's store, as it was swept. */
export interface SweptRegion {
  readonly region: string;
  /** Keys that were looked at. */
  readonly keys: number;
  /** Values that would be served. */
  readonly served: number;
  /** Of them, those that were older than the source when they were met. */
  readonly behind: number;
  /** Of them, those whose content was compared with a load; needs `contents`. */
  readonly compared: number;
  /** Keys that could not be asked for, or compared with the source. */
  readonly notAsked: number;
  /** False: it was interrupted, or the region went away meanwhile. */
  readonly whole: boolean;
  /** Why not. */
  readonly reason: string | null;
}

export interface SweepReport {
  readonly regions: readonly SweptRegion[];
  /** By kind. */
  readonly findings: Readonly<Record<string, number>>;
}

/** Compares every cached entry of every region with the source, once, and no faster than allowed. */
export async function sweep(options: SweepOptions): Promise<SweepReport> {
  const findings = new Map<string, number>();
  const narrator = new Narrator(options.mesh, options.onFinding);
  const onFound = (suspicion: Suspicion): void => {
    findings.set(suspicion.kind, (findings.get(suspicion.kind) ?? 0) + 1);
    narrator.tell(suspicion);
  };
  const regions: SweptRegion[] = [];
  for (const member of options.mesh.regions) {
    regions.push(await new RegionSweep(options, member, onFound).run());
  }
  await narrator.done();
  return { regions, findings: Object.fromEntries(findings) };
}

interface Behind {
  readonly version: Version;
  readonly seenAtMs: number;
}

class RegionSweep {
  readonly #options: SweepOptions;
  readonly #member: MeshRegion;
  readonly #watch: RegionWatch;
  readonly #onFound: (suspicion: Suspicion) => void;
  readonly #suspects = new Suspects();
  readonly #behind = new Map<string, Behind>();
  readonly #budget: Budget;
  #counts = { keys: 0, served: 0, behind: 0, compared: 0, notAsked: 0 };

  constructor(options: SweepOptions, member: MeshRegion, onFound: (suspicion: Suspicion) => void) {
    this.#options = options;
    this.#member = member;
    this.#onFound = onFound;
    this.#watch = new RegionWatch(options.mesh, member, monoMs);
    this.#budget = new Budget(options.rate ?? 2_000, monoMs());
  }

  async run(): Promise<SweptRegion> {
    const { signal } = this.#options;
    const region = this.#watch.region;
    const done = (reason: string | null): SweptRegion => ({
      ...{ region, ...this.#counts },
      whole: reason === null,
      reason,
    });
    try {
      const total = await this.#member.store.diagnostics.size();
      let keys: string[] = [];
      for await (const page of this.#member.store.keys()) {
        keys.push(...page.filter((key) => this.#isWanted(key)));
        while (keys.length >= LOOK_KEYS_MAX) {
          if (signal?.aborted) return done('interrupted');
          await this.#first(keys.slice(0, LOOK_KEYS_MAX));
          keys = keys.slice(LOOK_KEYS_MAX);
          this.#options.onProgress?.({ region, keys: this.#counts.keys, total });
        }
      }
      if (keys.length > 0) await this.#first(keys);
      this.#options.onProgress?.({ region, keys: this.#counts.keys, total });
      await this.#rest();
      return done(signal?.aborted ? 'interrupted' : null);
    } catch (error) {
      return done(error instanceof Error ? error.message : String(error));
    }
  }

  #isWanted(key: string): boolean {
    const { shard } = this.#options;
    if (!isKey(key) || isScopeKey(key)) return false;
    return !shard || partitionOf(key, shard.count) === shard.index;
  }

  async #first(keys: readonly string[]): Promise<void> {
    while (this.#budget.left(monoMs()) < Math.min(keys.length, this.#options.rate ?? 2_000)) await pause(20);
    this.#budget.spend(keys.length);
    await this.#look(keys, (key, examined, look) => {
      this.#counts.keys += 1;
      if (!look.store || !look.source) this.#counts.notAsked += 1;
      if (examined.l2) this.#counts.served += 1;
      if (examined.compared) this.#counts.compared += 1;
      const newest = look.source?.after.get(key)?.version;
      const isOlder = (served: Version | null): boolean =>
        served !== null && newest !== undefined && compareVersions(served, newest) < 0;
      if (isOlder(examined.l2)) this.#counts.behind += 1;
      if (!isOlder(examined.l2) && !examined.l1.some(({ served }) => isOlder(served))) return [];
      if (this.#behind.size < BEHIND_MAX) this.#behind.set(key, { version: newest!, seenAtMs: monoMs() });
      return [];
    });
    const again = this.#suspects.due(monoMs()).map(({ key }) => key);
    for (let at = 0; at < again.length; at += LOOK_KEYS_MAX)
      await this.#look(again.slice(at, at + LOOK_KEYS_MAX));
  }

  /** Second looks at what was suspected, and at what was behind. */
  async #rest(): Promise<void> {
    if (!this.#suspects.any && this.#behind.size === 0) return;
    const { signal } = this.#options;
    const waits = { ref: true, ...(signal && { signal }) };
    await pause(this.#behind.size > 0 ? CATCH_UP_MS : SECOND_LOOK_MS, undefined, waits).catch(() => {});
    for (let round = 0; round < 2; round += 1) {
      const keys = [
        ...new Set([...this.#suspects.due(monoMs()).map(({ key }) => key), ...this.#behind.keys()]),
      ];
      for (let at = 0; at < keys.length; at += LOOK_KEYS_MAX) {
        await this.#look(keys.slice(at, at + LOOK_KEYS_MAX), (key, examined, look) =>
          this.#stillBehind(key, examined, look),
        );
      }
      if (keys.length === 0) return;
      await pause(SECOND_LOOK_MS, undefined, waits).catch(() => {});
    }
  }

  #stillBehind(key: string, { l1, l2 }: Examined, { store, source }: RegionLook): Suspicion[] {
    const behind = this.#behind.get(key);
    if (!behind) return [];
    const about = {
      ...{ key, region: this.#watch.region, version: behind.version },
      ageMs: monoMs() - behind.seenAtMs,
      isLastAge: true,
      newest: source?.after.get(key)?.version ?? null,
    };
    const judged = [
      judgeAge({ ...about, tier: 'l2', served: l2, boundMs: store?.boundMs ?? Number.POSITIVE_INFINITY }),
      ...l1.map(({ node, served, boundMs }) => judgeAge({ ...about, tier: 'l1', node, served, boundMs })),
    ];
    return judged.flatMap(({ suspicion }) => (suspicion ? [suspicion] : []));
  }

  async #look(
    keys: readonly string[],
    more: (key: string, examined: Examined, look: RegionLook) => readonly Suspicion[] = () => [],
  ): Promise<void> {
    const { mesh, contents = null } = this.#options;
    const region = this.#watch.region;
    const look = await this.#watch.look(keys);
    const raised: Suspicion[] = [];
    const left = [...keys];
    const work = async (): Promise<void> => {
      for (let key = left.pop(); key !== undefined; key = left.pop()) {
        const examined = await examine(mesh, { key, region }, look, contents, () => true);
        raised.push(...examined.suspicions, ...more(key, examined, look));
      }
    };
    await Promise.all(Array.from({ length: LOADS_MAX }, work));
    const asked = new Set(keys);
    const judged = ({ key, tier, kind }: Suspicion): boolean =>
      kind !== 'stale' &&
      asked.has(key) &&
      look.source !== null &&
      (tier === 'l2' ? look.store : look.nodes) !== null;
    const confirmed = this.#suspects.look(
      judged,
      raised.map((suspicion) => ({ suspicion, check: null })),
      monoMs(),
    );
    for (const each of confirmed) this.#onFound(each);
  }
}

function monoMs(): number {
  return performance.now();
}
