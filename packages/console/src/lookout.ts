import { examineMesh, type Finding, type Mesh, type MeshView, readMesh, watchMesh } from '@tidemark/inspect';
import type { Health, Hello, Now, RegionNow, Sample, Tick, Verdict, Verified } from './api.ts';
import { Flow } from './flow.ts';
import { linksOf } from './health.ts';
import { NodesWatch } from './nodes-watch.ts';
import { currentFindings, Problems, verifierFindings } from './problems.ts';
import { regionNow } from './region-now.ts';
import { Repeated } from './repeated.ts';
import { Ring } from './ring.ts';
import { verdictOf } from './verdict.ts';
import { WarmWatch } from './warm-watch.ts';

const TICK_MS = 1_000;
const EXAMINE_EVERY_MS = 10_000;
/** What a page is shown of the past when it is opened. */
export const HISTORY_MS = 600_000;

/** A verifier that runs beside the console. */
export interface RunningVerifier {
  report(): Verified;
}

export interface LookoutOptions {
  readonly mesh: Mesh;
  readonly verifier?: RunningVerifier;
  /** Regions that were cut from here. */
  readonly cutHere: () => readonly string[];
  /** Told once a second. */
  readonly onTick: (tick: Tick) => void;
}

/** Looks at a mesh once a second, and remembers the last ten minutes. */
export class Lookout {
  readonly #options: LookoutOptions;
  readonly #flow = new Flow();
  readonly #problems = new Problems();
  readonly #history = new Ring<Sample>(HISTORY_MS / TICK_MS);
  readonly #nodes: NodesWatch;
  readonly #warm: WarmWatch;
  readonly #work: readonly Repeated[];
  #view: MeshView | null = null;
  #examined: readonly Finding[] = [];
  #examinedAtMs = Number.NEGATIVE_INFINITY;
  #verdict: Verdict | null = null;
  #watch: { stop(): Promise<void> } | null = null;

  constructor(options: LookoutOptions) {
    this.#options = options;
    const { mesh } = options;
    this.#nodes = new NodesWatch(mesh);
    this.#warm = new WarmWatch(mesh);
    this.#work = [
      new Repeated(TICK_MS, () => this.#look()),
      new Repeated(TICK_MS, () => this.#tick()),
      ...this.#nodes.work,
      ...this.#warm.work,
    ];
  }

  async start(): Promise<void> {
    for (const each of this.#work) each.start();
    this.#watch = await watchMesh(this.#options.mesh, (event) => this.#flow.add(event));
  }

  async stop(): Promise<void> {
    for (const each of this.#work) each.stop();
    await this.#watch?.stop();
  }

  hello(): Pick<Hello, 'historyMs' | 'history' | 'flow' | 'now'> {
    return {
      historyMs: HISTORY_MS,
      history: this.#history.all(),
      flow: this.#flow.kept,
      now: this.#now(Date.now()),
    };
  }

  /** Of the servers; it takes longer than a tick while some are away. */
  async #look(): Promise<void> {
    const { mesh, verifier } = this.#options;
    const due = performance.now() - this.#examinedAtMs >= EXAMINE_EVERY_MS;
    if (due) {
      const { view, findings } = await examineMesh(mesh);
      [this.#view, this.#examined, this.#examinedAtMs] = [view, findings, performance.now()];
    } else {
      const before = this.#view;
      this.#view = await readMesh(mesh);
      // Something else is wrong than before: what only the examination finds may have changed too.
      if (troubleNames(before) !== troubleNames(this.#view)) this.#examinedAtMs = Number.NEGATIVE_INFINITY;
    }
    const atMs = Date.now();
    const found = verifierFindings(verifier?.report() ?? null, atMs);
    this.#problems.update([...found, ...currentFindings(this.#view.troubles, this.#examined)], atMs);
  }

  async #tick(): Promise<void> {
    const atMs = Date.now();
    const { fresh, changes } = this.#flow.take();
    const regions = this.#options.mesh.regions.map(({ region }) => region.id);
    const steps = regions.map((id) => this.#nodes.step(id));
    const sample: Sample = {
      atMs,
      boundMs: this.#bounds(),
      hitRate: steps.map(({ hitRate }) => hitRate),
      readsPerS: steps.map(({ readsPerS }) => readsPerS),
      changes: regions.map((id) => changes.get(id) ?? 0),
    };
    this.#history.add(sample);
    this.#options.onTick({ sample, flow: fresh, now: this.#now(atMs) });
  }

  #bounds(): (number | null)[] {
    return this.#options.mesh.regions.map(({ freshness }) => {
      const boundMs = freshness.boundMs();
      return Number.isFinite(boundMs) ? Math.max(0, boundMs) : null;
    });
  }

  #now(atMs: number): Now {
    const { mesh, cutHere, verifier } = this.#options;
    const view = this.#view;
    const bounds = this.#bounds();
    const regions: RegionNow[] = (view?.regions ?? []).map((each, i) =>
      regionNow(each, mesh.regions[i]!, bounds[i]!),
    );
    const health = new Map<string, Health>(regions.map((each) => [each.region, each.health]));
    const problems = this.#problems.open;
    this.#verdict = verdictOf(regions, problems, view !== null, atMs, this.#verdict);
    return {
      atMs,
      lookedAtMs: view && view.atMs,
      relay: view && view.relay,
      truth: view && truthOf(view),
      verdict: this.#verdict,
      problems,
      past: this.#problems.past,
      regions,
      links: view ? linksOf(view, health) : [],
      nodes: this.#nodes.now,
      hotKeys: this.#nodes.hotKeys,
      warm: this.#warm.now,
      verified: verifier?.report() ?? null,
      cutHere: cutHere(),
    };
  }
}

function truthOf({ truth }: MeshView): NonNullable<Now['truth']> {
  if (!truth.reachable) return { reachable: false, text: truth.reason };
  // Distributions add to it what the package is called.
  const [version] = truth.version.split(' ');
  return { reachable: true, text: `Postgres ${version} through ${truth.through}` };
}

function troubleNames(view: MeshView | null): string {
  return (view?.troubles ?? []).map(({ region, code }) => `${region ?? ''} ${code}`).join(',');
}
