import { comparePositions, formatPosition } from '@tidemark/core';
import type { MeshFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { trackCommand } from './track-command.ts';

const SKEW_MAX_MS = 2_000;
const WRITER_MAX_MS = 60_000;
const FULL = 0.9;
const SLOT_KEEPS_MAX_BYTES = 2 ** 30;

const MENDS: Readonly<Record<string, string>> = {
  E_SCHEMA_MISSING: 'tidemark postgres migrate',
  E_SCHEMA_NEWER: 'upgrade this program',
  E_CONFIGURATION: 'tidemark postgres migrate --grant-to ROLE',
};

/** What is wrong with the source, and with what the stores know of it. */
export function findInSource({ view, sources, tracking }: MeshFacts): readonly Finding[] {
  const { truth, regions } = view;
  const found: Finding[] = [];
  const add = (
    code: string,
    severity: Finding['severity'],
    region: string | null,
    text: string,
    mend: string,
  ): void => void found.push({ code, severity, region, text, mend });

  for (const each of sources) {
    if (each.reachable) {
      if (each.isReplica)
        add(
          'source-replica',
          'error',
          each.region,
          'its address of the source leads to a replica',
          'give the address of the primary',
        );
      if (Math.abs(each.skewMs) > SKEW_MAX_MS) {
        add(
          'clock-skew',
          'warning',
          each.region,
          `the clock of its Postgres is ${Math.round(each.skewMs)} ms from the one here`,
          'run NTP on both machines, slewing',
        );
      }
    } else if (MENDS[each.code] !== undefined) {
      add(
        each.code === 'E_CONFIGURATION' ? 'source-forbidden' : 'source-schema',
        'error',
        each.region,
        each.reason,
        MENDS[each.code]!,
      );
    }
  }
  if (!truth.reachable) {
    add(
      'source-away',
      'error',
      null,
      truth.reason,
      MENDS[truth.code] ?? 'check that Postgres runs, its address and the login',
    );
    return found;
  }
  for (const each of sources) {
    if (each.reachable && each.system !== truth.system) {
      add(
        'source-split',
        'error',
        each.region,
        `it reaches another database than ${truth.through} does`,
        'give all regions one primary',
      );
    }
  }
  for (const { region, redis } of regions) {
    if (redis.reachable && redis.meta && comparePositions(redis.meta.horizon, truth.top) > 0) {
      add(
        'store-ahead',
        'error',
        region,
        `its store knows ${formatPosition(redis.meta.horizon)}, and the source is at ${formatPosition(truth.top)}: the source went back, or it is another one`,
        'after a restore: wait for its applier, which raises the era; else check the addresses',
      );
    }
  }
  if (truth.connections / truth.connectionsMax > FULL) {
    add(
      'source-connections',
      'warning',
      null,
      `${truth.connections} of ${truth.connectionsMax} connections are taken`,
      'raise max_connections, or put a pooler in between',
    );
  }
  if (truth.oldestWriterAgeMs !== null && truth.oldestWriterAgeMs > WRITER_MAX_MS) {
    add(
      'source-long-write',
      'warning',
      null,
      `a transaction has been writing for ${Math.round(truth.oldestWriterAgeMs / 1_000)} s and holds all horizons back`,
      'find it in pg_stat_activity; end it, or make it shorter',
    );
  }
  for (const { name, active, status, keptBytes } of truth.slots) {
    if (
      status === 'lost' ||
      status === 'unreserved' ||
      (!active && (keptBytes ?? 0) > SLOT_KEEPS_MAX_BYTES)
    ) {
      add(
        'source-slot',
        'warning',
        null,
        `replication slot ${name} is ${active ? 'active' : 'not used'} (${status ?? 'unknown'})`,
        'bring its replica back, or drop the slot',
      );
    }
  }
  for (const { table, keyspace, statement, problem, tracked } of tracking ?? []) {
    const trigger = `${table}: its ${statement} trigger for keyspace ${keyspace}`;
    if (problem === 'outdated') {
      add(
        'trigger-outdated',
        'note',
        null,
        `${trigger} is an earlier release's: it invalidates too, and takes longer`,
        'tidemark postgres migrate, as the owner of the table, when nobody holds it',
      );
      continue;
    }
    add(
      `trigger-${problem}`,
      problem === 'partial' ? 'warning' : 'error',
      null,
      `${trigger} is ${problem === 'partial' ? 'not enabled ALWAYS' : problem}; such writes do not invalidate`,
      trackCommand(tracked),
    );
  }
  return found;
}
