import { predict } from '../model/predict.ts';
import { clusterWorkload, isPushed } from '../sources/cluster-workload.ts';
import type { ClusterRow, ClusterTraffic } from '../sources/twitter-table.ts';
import { workload } from '../workload.ts';

/** A cluster's predicted and published share of reads that miss. */
export interface ClusterCheck {
  readonly cluster: string;
  readonly category: number;
  readonly pushed: boolean;
  /** What is said of it: of pushed values, that their readers find them. */
  readonly predicted: number;
  /** By the model of independent reads alone. */
  readonly independent: number;
  readonly published: number;
}

/** Those that read, and whose misses were published. */
export function checkClusters(rows: readonly ClusterRow[]): ClusterCheck[] {
  return rows.flatMap((row) => {
    const { publishedMisses, ...traffic } = row;
    if (publishedMisses === null || row.reads === 0) return [];
    const independent = predictMisses(traffic);
    const pushed = isPushed(row);
    const { cluster, category } = row;
    return [
      {
        cluster,
        category,
        pushed,
        predicted: pushed ? 0 : independent,
        independent,
        published: publishedMisses,
      },
    ];
  });
}

/** One store, no L1, the cluster's own TTLs: each holds for its share of the keys. */
function predictMisses(traffic: ClusterTraffic): number {
  const work = workload(clusterWorkload(traffic));
  return traffic.ttls.reduce((sum, { ttlS, share }) => {
    const plan = {
      ttlS,
      negativeTtlS: ttlS,
      onWrite: 'invalidate',
      invalidated: false,
      l1Entries: 0,
    } as const;
    return sum + share * predict(work, plan).misses;
  }, 0);
}

/** Differences between predicted and published, in points. */
export interface CheckError {
  readonly clusters: number;
  readonly medianPoints: number;
  readonly meanPoints: number;
  readonly worstPoints: number;
  readonly worst: string;
  /** Share of the clusters within 5 points. */
  readonly within5: number;
}

export function checkError(
  checks: readonly ClusterCheck[],
  of: (check: ClusterCheck) => number = ({ predicted }) => predicted,
): CheckError {
  const errors = checks
    .map((check) => ({ cluster: check.cluster, points: Math.abs(of(check) - check.published) * 100 }))
    .toSorted((a, b) => a.points - b.points);
  const middle = (errors.length - 1) / 2;
  const worst = errors.at(-1)!;
  return {
    clusters: errors.length,
    medianPoints: (errors[Math.floor(middle)]!.points + errors[Math.ceil(middle)]!.points) / 2,
    meanPoints: errors.reduce((sum, { points }) => sum + points, 0) / errors.length,
    worstPoints: worst.points,
    worst: worst.cluster,
    within5: errors.filter(({ points }) => points <= 5).length / errors.length,
  };
}
