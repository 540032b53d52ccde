import { migrate, trackTable } from '@tidemark/postgres';
import { loadRegions } from '@tidemark/regions';
import pg from 'pg';
import { BoundSampler } from './bound-sampler.ts';
import { cities, createCities, readCities } from './city.ts';
import type { Course } from './course.ts';
import { Cuts } from './cuts.ts';
import { embedded, type Infrastructure, services, SOURCE } from './infrastructure.ts';
import { CONVERGE_MAX_MS, type Mesh, provenWithin, startMesh } from './mesh.ts';
import { Oracle } from './oracle.ts';
import { showProgress } from './progress.ts';
import { Propagation } from './propagation.ts';
import { type RegionFiles, writeRegionFiles } from './region-files.ts';
import type { RegionReport, Report } from './report.ts';
import { sweep } from './sweep.ts';
import { Workload } from './workload.ts';

const READY_MAX_MS = 20_000;

export interface RunOptions {
  readonly mode: 'embedded' | 'services';
  readonly course: Course;
  readonly readers: number;
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
      files,
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
  { mode, course, readers, seed, breakTidemark, out, signal }: RunOptions,
  regions: readonly string[],
  infrastructure: Infrastructure,
  mesh: Mesh,
  files: RegionFiles | null,
  admin: pg.Pool,
  rows: ReturnType<typeof readCities>,
): Promise<Report> {
  const oracle = new Oracle();
  const propagation = new Propagation(regions);
  for (const region of regions) await propagation.listen(region, mesh.of(region)[0]!.bus);
  await provenWithin(mesh, READY_MAX_MS, performance.now(), signal);
  const workload = new Workload(mesh.nodes, rows, { seed, readers }, oracle, propagation);
  const bounds = new BoundSampler(mesh);
  const progress = showProgress(out, regions, mesh, propagation, (region) => cuts.open.includes(region));
  const cuts = new Cuts({ infrastructure, mesh, oracle, propagation, bounds, progress, signal });
  const beganMs = performance.now();
  try {
    workload.start();
    await course(cuts, signal, files);
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
    cuts: cuts.reports,
    checkedEntries: swept.checkedEntries,
  };
}
