import { WorkloadError } from '../errors.ts';
import type { WorkloadInput } from '../workload.ts';
import { type ClusterRow, clusterRows, type ClusterTraffic } from './twitter-table.ts';

/** Where the size of all keys is not known: what the rest of the table comes to, in the middle. */
const WINDOW_S = 2 * 86_400;
const ZIPF_UNKNOWN = 0.9;

/**
 * More is written than read: not all of that can be fills of misses. Values are put there before they are read, by whoever
 * made them. Of the others all that is written is taken for fills.
 */
export function isPushed({ reads, writes }: ClusterTraffic): boolean {
  return writes > reads;
}

/** A cluster of the table as traffic before a cache. */
export function clusterWorkload(row: ClusterTraffic): WorkloadInput {
  if (row.reads === 0)
    throw new WorkloadError(
      'operations',
      `of ${row.cluster} has no reads: there is nothing to say of its hits`,
    );
  const keys = row.keys ?? Math.max(1, Math.round((row.requests * WINDOW_S) / row.meanFrequency));
  return {
    name: row.cluster,
    reads: row.requests * row.reads,
    // Fills too: the table does not tell them apart. With a TTL alone, as there, it makes no difference.
    writes: row.requests * (row.deletes + row.writes),
    keys,
    zipf: row.zipf ?? ZIPF_UNKNOWN,
    valueBytes: row.valueBytes,
    staleness: Math.min(...row.ttls.map(({ ttlS }) => ttlS)) * 1_000,
    // Who puts a value there makes the first request to its key.
    newKeys: isPushed(row) ? 0 : row.firstRequests,
  };
}

/** The row of a cluster. @throws WorkloadError naming those that there are */
export function findCluster(text: string, cluster: string | undefined): ClusterRow {
  const rows = clusterRows(text);
  const row = rows.find((each) => each.cluster === cluster);
  if (row) return row;
  const names = rows.map((each) => each.cluster).join(', ');
  throw new WorkloadError(
    'cluster',
    cluster === undefined ? `say which one of the table: ${names}` : `there is no ${cluster}, only ${names}`,
  );
}
