import { MetricsError } from '../errors.ts';
import { type PrometheusOptions, queryPrometheus, type Sample } from './prometheus.ts';

/** What a mesh's own metrics say of one keyspace, over a window. Rates are per second, over all regions. */
export interface MeasuredKeyspace {
  readonly keyspace: string;
  readonly reads: number;
  /** Shares of the reads by who answered. */
  readonly l1: number;
  readonly l2: number;
  readonly misses: number;
  readonly loads: number;
  /** Mean time of a load, ms; null: there were none. */
  readonly loadMs: number | null;
  /** Mean TTL of what was filled, s; null: nothing was. */
  readonly ttlS: number | null;
  /** Share of the reads that asked the source because no bound could be proven. */
  readonly unproven: number;
}

/** What they say of the mesh. */
export interface MeasuredMesh {
  readonly windowS: number;
  readonly regions: number;
  readonly nodes: number;
  /** Invalidations a second of all keyspaces, each counted once. */
  readonly invalidations: number;
  /** Bytes of an L1 entry as L1 counts; null: L1s are empty. */
  readonly entryBytes: number | null;
  /** Entries of the fullest L1. */
  readonly l1Entries: number;
  readonly keyspaces: readonly MeasuredKeyspace[];
}

const LATELY_S = 300;

/** Reads what nodes export (docs/reference/telemetry.md), as the mean over the window. @throws MetricsError */
export async function measureMesh(options: PrometheusOptions, windowS: number): Promise<MeasuredMesh> {
  const range = `[${Math.max(1, Math.round(windowS))}s]`;
  const ask = (query: string): Promise<Sample[]> => queryPrometheus(options, query);
  const one = async (query: string): Promise<number> => (await ask(query))[0]?.value ?? 0;
  const byKeyspace = (series: string): Promise<Sample[]> =>
    ask(`sum by (tidemark_keyspace) (rate(${series}${range}))`);

  const reads = await ask(
    `sum by (tidemark_keyspace, tidemark_tier, tidemark_reason) (rate(tidemark_reads_total${range}))`,
  );
  if (!reads.some(({ value }) => value > 0)) {
    throw new MetricsError(
      `${options.url} saw no reads (tidemark_reads_total) in the last ${windowS} s; have it scrape the nodes (docs/reference/telemetry.md), wait for two scrapes, or look back further with --window`,
    );
  }
  const [loads, loadS, fills, ttlS] = await Promise.all([
    byKeyspace('tidemark_load_duration_count'),
    byKeyspace('tidemark_load_duration_sum'),
    byKeyspace('tidemark_fill_ttl_count'),
    byKeyspace('tidemark_fill_ttl_sum'),
  ]);
  // A scrape that failed is no node that went away.
  const lately = (gauge: string): string =>
    `last_over_time(${gauge}[${Math.min(Math.ceil(windowS), LATELY_S)}s])`;
  const l1 = lately('tidemark_l1_entries');
  const [regions, nodes, applied, published, entries, bytes, fullest] = await Promise.all([
    one(`count(count by (tidemark_region) (${l1}))`),
    one(`count(count by (tidemark_region, tidemark_node) (${l1}))`),
    one(`max(sum by (tidemark_region) (rate(tidemark_applied_total${range})))`),
    one(`sum(rate(tidemark_published_total{tidemark_ok="true"}${range}))`),
    one(`sum(${l1})`),
    one(`sum(${lately('tidemark_l1_size')})`),
    one(`max(${l1})`),
  ]);
  const names = [...new Set(reads.map(({ labels }) => labels['tidemark_keyspace'] ?? ''))].toSorted();
  const keyspaces = names
    .map((name) => {
      const ratio = (of: readonly Sample[], to: readonly Sample[]): number | null => {
        const per = total(to, { tidemark_keyspace: name });
        return per > 0 ? total(of, { tidemark_keyspace: name }) / per : null;
      };
      const all = total(reads, { tidemark_keyspace: name });
      const share = (labels: Sample['labels']): number =>
        all === 0 ? 0 : total(reads, { tidemark_keyspace: name, ...labels }) / all;
      const meanLoadS = ratio(loadS, loads);
      return {
        keyspace: name,
        reads: all,
        l1: share({ tidemark_tier: 'l1' }),
        l2: share({ tidemark_tier: 'l2' }),
        misses: share({ tidemark_tier: 'source' }),
        loads: total(loads, { tidemark_keyspace: name }),
        loadMs: meanLoadS === null ? null : meanLoadS * 1_000,
        ttlS: ratio(ttlS, fills),
        unproven: share({ tidemark_tier: 'source', tidemark_reason: 'unproven' }),
      };
    })
    .filter((each) => each.reads > 0);
  return {
    windowS,
    regions: Math.max(1, regions),
    nodes: Math.max(1, nodes, regions),
    // The relay tells of every change; writers told of theirs before, and that was applied as well.
    invalidations: Math.max(0, applied - published),
    entryBytes: entries > 0 ? bytes / entries : null,
    l1Entries: fullest,
    keyspaces,
  };
}

/** The sum over the series that have these labels. */
function total(samples: readonly Sample[], labels: Sample['labels']): number {
  return samples.reduce(
    (sum, sample) =>
      Object.entries(labels).every(([name, value]) => sample.labels[name] === value)
        ? sum + sample.value
        : sum,
    0,
  );
}
