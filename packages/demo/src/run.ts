import { setTimeout as sleep } from 'node:timers/promises';
import { migrate, trackTable } from '@tidemark/postgres';
import { loadRegions } from '@tidemark/regions';
import pg from 'pg';
import { cities, createCities, readCities } from './city.ts';
import { embedded, type Infrastructure, services, SOURCE } from './infrastructure.ts';
import { type Mesh, startMesh } from './mesh.ts';
import { Oracle } from './oracle.ts';
import { showProgress } from './progress.ts';
import { Propagation } from './propagation.ts';
import { type RegionFiles, writeRegionFiles } from './region-files.ts';
import type { RegionReport, Report } from './report.ts';
import { sweep } from './sweep.ts';
import { Workload } from './workload.ts';

const CUT_REGION = 'eu-west';
/** The cut begins and ends at these parts of the run. */
const CUT_FROM = 0.4;
const CUT_TO = 0.65;
const CONVERGE_MAX_MS = 30_000;
const CONVERGE_POLL_MS = 5;
const READY_MAX_MS = 20_000;
const BOUND_SAMPLE_MS = 50;

export interface RunOptions {
  readonly mode: 'embedded' | 'services';
  readonly durationMs: number;
  readonly seed: number;
  readonly regionsDir: string;
  readonly breakTidemark: boolean;
  readonly telemetry: boolean;
  /** Progress goes here. */
  readonly out: NodeJS.WriteStream;
  /** Ends the run early, cleanly. */
  readonly signal: AbortSignal;
}

/** Sets three regions up, lets them work, cuts one off and heals it, and checks what they promised. */
export async function run(options: RunOptions): Promise<Report> {
  const set = await loadRegions(options.regionsDir);
  options.out.write(
    `starting ${options.mode === 'services' ? '3 Redis, 3 NATS and 1 Postgres' : '1 Postgres'} …\n`,
  );
  const infrastructure = await (options.mode === 'services' ? services(set) : embedded(set));
  let mesh: Mesh | null = null;
  let files: RegionFiles | null = null;
  const admin = new pg.Pool({ connectionString: infrastructure.adminUrl, max: 2 });
  admin.on('error', () => {}); // It does not wait for its connections to end, and the server may end first.
  try {
    await migrate(admin);
    const rows = readCities();
    await createCities(admin, rows);
    await trackTable(admin, { table: 'cities', keyspace: cities.name, keys: ['id'] });
    options.out.write(`${rows.length.toLocaleString('en')} cities from GeoNames are in the table\n`);
    mesh = await startMesh(set, infrastructure, options);
    files = await writeRegionFiles(set, infrastructure);
    if (files)
      options.out.write(`look at it: npx tidemark status --regions ${files.dir} --source ${SOURCE}\n`);
    options.signal.throwIfAborted();
    return await work(
      options,
      set.regions.map(({ id }) => id),
      infrastructure,
      mesh,
      admin,
      rows,
    );
  } finally {
    await files?.close();
    await mesh?.close();
    await admin.end();
    await infrastructure.close();
  }
}

async function work(
  { mode, durationMs, seed, breakTidemark, out, signal }: RunOptions,
  regions: readonly string[],
  infrastructure: Infrastructure,
  mesh: Mesh,
  admin: pg.Pool,
  rows: ReturnType<typeof readCities>,
): Promise<Report> {
  const oracle = new Oracle();
  const propagation = new Propagation(regions);
  for (const region of regions) await propagation.listen(region, mesh.of(region)[0]!.bus);
  await provenWithin(mesh, READY_MAX_MS, performance.now(), signal);
  const workload = new Workload(mesh.nodes, rows, seed, oracle, propagation);
  const bounds = new BoundSampler(mesh);
  let cut = false;
  const progress = showProgress(out, regions, mesh, propagation, (region) => cut && region === CUT_REGION);
  const beganMs = performance.now();
  let cutMs = 0;
  let convergedAfterHealMs: number | null = null;
  try {
    workload.start();
    await sleep(durationMs * CUT_FROM, undefined, { signal });
    const cutAtMs = performance.now();
    cut = true;
    bounds.except(CUT_REGION);
    propagation.cutOff.add(CUT_REGION);
    propagation.forget(CUT_REGION);
    infrastructure.cut(CUT_REGION);
    progress.say(`${CUT_REGION} is cut off from the other regions and from the source`);
    await sleep(durationMs * (CUT_TO - CUT_FROM), undefined, { signal });
    const healedAtMs = performance.now();
    cutMs = healedAtMs - cutAtMs;
    const owed = oracle.writtenBetween(cutAtMs, healedAtMs);
    infrastructure.heal(CUT_REGION);
    cut = false;
    progress.say(`${CUT_REGION} is healed; ${owed.length} cities changed meanwhile`);
    const restMs = sleep(durationMs * (1 - CUT_TO), undefined, { signal });
    const settled = await converge(mesh, oracle, owed, healedAtMs, signal);
    convergedAfterHealMs = settled && performance.now() - healedAtMs;
    propagation.cutOff.delete(CUT_REGION);
    await provenWithin(mesh, CONVERGE_MAX_MS, healedAtMs, signal);
    bounds.except(null);
    await restMs;
  } finally {
    progress.stop();
    bounds.stop();
    await workload.stop();
  }
  out.write('quiet now; comparing every cached entry with the source …\n');
  await provenWithin(mesh, CONVERGE_MAX_MS, performance.now(), signal);
  const swept = await sweep(mesh, admin, oracle);
  const regionReports = regions.map((id): RegionReport => {
    const stats = mesh.of(id).map(({ node }) => node.stats());
    const sum = (name: 'reads' | 'l1Hits' | 'l2Hits' | 'loads'): number =>
      stats.reduce((total, each) => total + each[name], 0);
    return {
      id,
      reads: sum('reads'),
      l1Hits: sum('l1Hits'),
      l2Hits: sum('l2Hits'),
      loads: sum('loads'),
      stalenessBoundMsMax: Math.round(bounds.maxMs(id)),
    };
  });
  const loads = regionReports.reduce((total, each) => total + each.loads, 0);
  return {
    mode,
    broken: breakTidemark ? 'tidemark' : null,
    seed,
    durationMs: Math.round(performance.now() - beganMs),
    regions: regionReports,
    writes: oracle.writes,
    writesBehindTheLibrary: workload.counts.writesBehindTheLibrary,
    loadsPerWrite: oracle.writes === 0 ? 0 : loads / oracle.writes,
    propagationMs: { ...propagation.total(), pairs: propagation.pairs() },
    boundViolations: oracle.boundViolations,
    refused: { reads: workload.counts.readsRefused, writes: workload.counts.writesRefused },
    lostWrites: swept.lostWrites,
    divergentKeys: swept.divergentKeys,
    cut: { region: CUT_REGION, ms: Math.round(cutMs) },
    convergedAfterHealMs: convergedAfterHealMs === null ? null : Math.round(convergedAfterHealMs),
    checkedEntries: swept.checkedEntries,
  };
}

/** Waits until both nodes of the cut region read every owed city as written before the heal; null: never. */
async function converge(
  mesh: Mesh,
  oracle: Oracle,
  owed: readonly number[],
  healedAtMs: number,
  signal: AbortSignal,
): Promise<number | null> {
  const nodes = mesh.of(CUT_REGION).map(({ node }) => node);
  let left = nodes.flatMap((node) => owed.map((id) => ({ node, id })));
  while (left.length > 0) {
    if (performance.now() - healedAtMs > CONVERGE_MAX_MS) return null;
    const current = await Promise.all(
      left.map(async ({ node, id }) => {
        const city = await node.get(cities, { id }).catch(() => null);
        return city !== null && city.revision >= oracle.revisionBefore(id, healedAtMs);
      }),
    );
    left = left.filter((_, i) => !current[i]);
    if (left.length > 0) await sleep(CONVERGE_POLL_MS, undefined, { signal });
  }
  return performance.now();
}

/** Waits until every node has proven that what was acknowledged before `sinceMs` is applied. */
async function provenWithin(mesh: Mesh, maxMs: number, sinceMs: number, signal: AbortSignal): Promise<void> {
  const untilMs = performance.now() + maxMs;
  const proven = (): boolean =>
    mesh.nodes.every(({ node }) => performance.now() - node.stats().stalenessBoundMs >= sinceMs);
  while (!proven() && performance.now() < untilMs) await sleep(20, undefined, { signal });
}

/** Keeps the largest staleness bound that each region's nodes showed. */
class BoundSampler {
  readonly #max = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #except: string | null = null;

  constructor(mesh: Mesh) {
    this.#timer = setInterval(() => {
      for (const { region, node } of mesh.nodes) {
        if (region === this.#except) continue;
        this.#max.set(region, Math.max(this.maxMs(region), node.stats().stalenessBoundMs));
      }
    }, BOUND_SAMPLE_MS);
  }

  /** A region that is cut off can't prove anything: it is counted out until it is back. */
  except(region: string | null): void {
    this.#except = region;
  }

  maxMs(region: string): number {
    return this.#max.get(region) ?? 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
