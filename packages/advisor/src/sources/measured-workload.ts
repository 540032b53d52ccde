import { predict } from '../model/predict.ts';
import { ENTRY_BYTES } from '../propose/l1.ts';
import { counted, percent } from '../words.ts';
import { type Workload, workload } from '../workload.ts';
import type { MeasuredKeyspace, MeasuredMesh } from './measured.ts';

/** Traffic that explains what was measured. */
export interface FittedWorkload {
  readonly work: Workload;
  /** What was measured, and what was made of it. */
  readonly notes: readonly string[];
}

const DEFAULT_TTL_S = 300;
const KEYS_LOG_MAX = Math.log(1e12);
const STEPS = 50;
const VALUE_BYTES_MIN = 50;

/**
 * Metrics say how much is read and who answered, not how many keys there are, nor which keyspace was written: those are what the
 * model needs to have as many misses as were measured, with the TTL that was measured.
 *
 * @param known what people know better, as a workload's fields
 */
export function fitWorkload(
  mesh: MeasuredMesh,
  measured: MeasuredKeyspace,
  known: Readonly<Record<string, unknown>>,
  nameOf: (field: string) => string = String,
): FittedWorkload {
  const notes: string[] = [];
  const loads = mesh.keyspaces.reduce((sum, each) => sum + each.loads, 0);
  const writes = loads === 0 ? 0 : (mesh.invalidations * measured.loads) / loads;
  if (known['writes'] === undefined && mesh.keyspaces.length > 1)
    notes.push(
      'metrics do not say which keyspace was written: the invalidations are shared out by loads (say --writes if you know better)',
    );
  const { entryBytes } = mesh;
  const asMeasured = {
    name: measured.keyspace,
    reads: measured.reads,
    writes,
    // L1 holds at least what was read lately; of several keyspaces it does not say which.
    keys: mesh.keyspaces.length === 1 ? Math.max(1, Math.round(mesh.l1Entries)) : 1,
    nodes: mesh.nodes,
    regions: mesh.regions,
    ...(measured.loadMs !== null && { loadCost: measured.loadMs }),
    ...(entryBytes !== null && {
      valueBytes: Math.max(VALUE_BYTES_MIN, Math.round(entryBytes - ENTRY_BYTES)),
    }),
  };
  const work = workload({ ...asMeasured, ...known }, nameOf);
  if (known['keys'] !== undefined) return { work, notes };
  const fitted = fit(work, measured);
  notes.push(fitted.note);
  return { work: fitted.work, notes };
}

/** More keys mean more misses; where even the fewest mean too many, some writes met keys that nobody reads. */
function fit(work: Workload, measured: MeasuredKeyspace): { readonly work: Workload; readonly note: string } {
  const missesOf = (changed: Partial<Workload>): number => missesAsNow({ ...work, ...changed }, measured);
  const { misses } = measured;
  if (missesOf({}) <= misses) {
    const log = bisect(
      Math.log(work.keys),
      KEYS_LOG_MAX,
      (each) => missesOf({ keys: Math.round(Math.exp(each)) }) < misses,
    );
    const keys = Math.round(Math.exp(log));
    return {
      work: { ...work, keys },
      note: `${counted(keys)} keys explain the misses that were measured (say --keys if you know better)`,
    };
  }
  if (missesOf({ writes: 0 }) > misses)
    return {
      work,
      note: `the model expects ${percent(missesOf({}))} of misses, and ${percent(misses)} were measured: reads come closer together than by chance`,
    };
  const share = bisect(0, 1, (part) => missesOf({ writes: work.writes * part }) < misses);
  return {
    work: { ...work, writes: work.writes * share },
    note: `${percent(share)} of the invalidations explain the misses that were measured: the others met keys that nobody reads`,
  };
}

/** With the TTL that was measured. */
function missesAsNow(work: Workload, { ttlS }: MeasuredKeyspace): number {
  const now = ttlS ?? DEFAULT_TTL_S;
  const plan = {
    ttlS: now,
    negativeTtlS: now,
    onWrite: 'invalidate',
    invalidated: true,
    l1Entries: 0,
  } as const;
  return predict(work, plan).misses;
}

/** Where a predicate that holds below something ends to hold. */
function bisect(from: number, to: number, holds: (value: number) => boolean): number {
  let low = from;
  let high = to;
  for (let step = 0; step < STEPS; step += 1) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}
