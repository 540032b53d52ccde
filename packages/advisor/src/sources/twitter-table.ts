import { WorkloadError } from '../errors.ts';
import { csvRows, type CsvRow } from './csv.ts';

/** Operations that read, and those that leave no value, as they are called in the table; all others write one. */
const READS = new Set(['get', 'gets']);
const DELETES = new Set(['delete']);
const COLUMNS = [
  'cluster',
  'key_bytes',
  'value_bytes',
  'request_rate_kqps',
  'mean_frequency',
  'compulsory_miss_percent',
  'common_ttls',
  'wss_mb_no_ttl',
  'operations',
  'zipf_alpha',
];
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** What one row of the table says, without what it says of misses. */
export interface ClusterTraffic {
  readonly cluster: string;
  /** 1: before a storage, 2: before a computation, 3: transient data. */
  readonly category: number;
  /** Per second. */
  readonly requests: number;
  /** Shares of the requests. */
  readonly reads: number;
  readonly deletes: number;
  readonly writes: number;
  readonly valueBytes: number;
  /** Requests to each key within the window that was looked at. */
  readonly meanFrequency: number;
  /** Share of requests that are the first to their key in the window. */
  readonly firstRequests: number;
  /** Keys that were asked for within the window; null: not known. */
  readonly keys: number | null;
  readonly ttls: readonly { readonly ttlS: number; readonly share: number }[];
  /** Null: not known. */
  readonly zipf: number | null;
}

/** A row, and what was measured at the cluster: for comparison only. */
export interface ClusterRow extends ClusterTraffic {
  readonly publishedMisses: number | null;
}

/** Reads a table in the shape of `packages/bench/data/twitter-2020-workloads.csv`. @throws WorkloadError */
export function clusterRows(text: string): ClusterRow[] {
  const rows = csvRows(text);
  const missing = COLUMNS.filter((name) => rows[0]?.[name] === undefined);
  if (missing.length > 0) {
    throw new WorkloadError(
      null,
      `the table has no column ${missing.join(', ')}; its shape is that of packages/bench/data/twitter-2020-workloads.csv`,
    );
  }
  return rows.map(clusterRow);
}

function clusterRow(row: CsvRow): ClusterRow {
  const number = (name: string): number => {
    const value = Number(row[name]);
    if (row[name] !== '' && Number.isFinite(value)) return value;
    throw new WorkloadError(name, `of ${row['cluster']} is ${JSON.stringify(row[name])}, which is no number`);
  };
  const optional = (name: string): number | null => (row[name] ? number(name) : null);
  const operations = pairs(row['operations']!, ' ');
  const total = (of: (name: string) => boolean): number =>
    operations.reduce((sum, [name, share]) => (of(name) ? sum + share : sum), 0);
  const ttls = pairs(row['common_ttls']!, ', ').map(([ttl, share]) => ({ ttlS: seconds(ttl, row), share }));
  const bytes = number('wss_mb_no_ttl') * 1_024 ** 2; // All values of the window, as if none had a TTL.
  const known = ttls.reduce((sum, { share }) => sum + share, 0);
  return {
    cluster: row['cluster']!,
    category: optional('category') ?? 0,
    requests: number('request_rate_kqps') * 1_000,
    reads: total((name) => READS.has(name)),
    deletes: total((name) => DELETES.has(name)),
    writes: total((name) => !READS.has(name) && !DELETES.has(name)),
    valueBytes: number('value_bytes'),
    meanFrequency: number('mean_frequency'),
    firstRequests: number('compulsory_miss_percent') / 100,
    keys: bytes > 0 ? Math.max(1, Math.round(bytes / (number('key_bytes') + number('value_bytes')))) : null,
    ttls: ttls.map(({ ttlS, share }) => ({ ttlS, share: share / known })),
    zipf: optional('zipf_alpha'),
    publishedMisses: optional('production_miss_ratio'),
  };
}

/** `a:0.5, b:0.3` as names and shares. */
function pairs(text: string, separator: string): [string, number][] {
  return text.split(separator).flatMap((pair): [string, number][] => {
    const [name, share] = pair.split(':');
    return name && share ? [[name, Number(share)]] : [];
  });
}

function seconds(text: string, row: CsvRow): number {
  const [, number, unit] = /^([\d.]+)([smhd])$/.exec(text) ?? [];
  if (number === undefined)
    throw new WorkloadError(
      'common_ttls',
      `of ${row['cluster']} has ${JSON.stringify(text)}, which is no TTL`,
    );
  return Number(number) * SECONDS[unit!]!;
}
