import { predict } from '../model/predict.ts';
import { ENTRY_BYTES } from '../propose/l1.ts';
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
    notes.push('metrics do not say which keyspace was written: the invalidations are shared out by loads (say --writes if you know better)');
  const asMeasured = {
    name: measured.keyspace,
    reads: measured.reads,
    writes,
    keys: Math.max(1, Math.round(mesh.l1Entries)),
    nodes: mesh.nodes,
    regions: mesh.regions,
    ...(measured.loadMs !== null && { loadCost: measured.loadMs }),
    ...(mesh.entryBytes !== null && { valueBytes: Math.max(1, mesh.entryBytes - ENTRY_BYTES) }),
  };
  const work = workload({ ...asMeasured, ...known }, nameOf);
  if (known['keys'] !== undefined) return { work, notes };
  const fitted = fit(work, measured);
  notes.push(`${fitted.keys.toLocaleString('en-GB')} keys explain the misses that were measured (say --keys if you know better)`);
  return { work: fitted, notes };
}

/** More keys mean more misses; where even the fewest mean too many, fewer of the writes met a key that anybody reads. */
function fit(work: Workload, { misses, ttlS }: MeasuredKeyspace): Workload {
  const missesOf = (changed: Partial<Workload>): number =>
    predict({ ...work, ...changed }, {
      ttlS: ttlS ?? DEFAULT_TTL_S,
      negativeTtlS: Math.min(ttlS ?? DEFAULT_TTL_S, 10),
      onWrite: 'invalidate',
      invalidated: true,
      l1Entries: 0,
    }).misses;
  if (missesOf({}) > misses) {
    const share = bisect(0, 1, (part) => missesOf({ writes: work.writes * part }) < misses);
    return { ...work, writes: work.writes * share };
  }
  const log = bisect(Math.log(work.keys), KEYS_LOG_MAX, (each) => missesOf({ keys: Math.round(Math.exp(each)) }) < misses);
  return { ...work, keys: Math.round(Math.exp(log)) };
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
