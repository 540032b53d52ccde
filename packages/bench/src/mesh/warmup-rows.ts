import { setTimeout as sleep } from 'node:timers/promises';
import { fillAll, fillOfCopy, keyspace, type SourceOfTruth, type Store } from '@tidemark/core';
import { readMetas } from '@tidemark/warmup';
import type { BenchRegions } from './bench-regions.ts';

/** Rows whose changes triggers bump. */
export const tracked = keyspace<{ id: 'int' }, { value: number }>({
  name: 'tracked',
  params: { id: 'int' },
  load: ({ id }, { db }) => db.maybeOne('select value from tracked where id = $1', [id]),
  async loadMany(params, { db }) {
    const ids = params.map(({ id }) => id);
    const rows = await db.query<{ id: number; value: number }>(
      'select id, value from tracked where id = any ($1::int[])',
      [ids],
    );
    const byId = new Map(rows.map(({ id, value }) => [id, { value }]));
    return ids.map((id) => byId.get(id));
  },
  ttl: '1d',
});

const PAGE = 1_000;
const TTL_MS = 86_400_000;

/** Fills a store with rows 1 to `count`, by the rules: labels first, then the rows. */
export async function fillRows(
  store: Store,
  source: SourceOfTruth,
  regions: BenchRegions,
  count: number,
): Promise<void> {
  for (let from = 1; from <= count; from += PAGE) {
    const [meta] = await readMetas(store);
    const keys = Array.from({ length: Math.min(PAGE, count - from + 1) }, (_, i) =>
      tracked.key({ id: from + i }),
    );
    const { asOf, versions, scopes } = await source.labels(keys);
    const { rows } = await regions.pool.query<{ value: number }>(
      'select value from tracked where id between $1 and $2 order by id',
      [from, from + keys.length - 1],
    );
    await fillAll(
      store,
      keys.map((key, i) => {
        const { schemaVersion: schema } = tracked;
        const data = new TextEncoder().encode(JSON.stringify({ value: rows[i]!.value }));
        const label = { key, version: versions[i]!, scope: scopes[i]! };
        const value = { ...label, schema, freshMs: TTL_MS, staleMs: 0, data, dependencies: [] };
        return fillOfCopy(value, asOf, meta!);
      }),
    );
  }
}

/** Changes rows by plain SQL, so many a second, until it is stopped; returns how many it changed. */
export function changeRows(
  regions: BenchRegions,
  count: number,
  perSecond: number,
): { stop(): Promise<number> } {
  let running = true;
  let changed = 0;
  const batch = Math.max(1, Math.round(perSecond / 10));
  const work = (async () => {
    const beganMs = performance.now();
    while (running) {
      // A stride that is coprime to the count visits row after row.
      const ids = Array.from({ length: batch }, (_, i) => 1 + (((changed + i) * 7_919) % count));
      await regions.pool.query('update tracked set value = value + 1 where id = any ($1::int[])', [ids]);
      changed += batch;
      await sleep(Math.max(0, beganMs + (1_000 * changed) / perSecond - performance.now()));
    }
  })();
  return {
    async stop() {
      running = false;
      await work;
      return changed;
    },
  };
}

/** Values that a store may serve and that are not the source's rows. Call it when the regions have converged. */
export async function wrongValues(
  store: Store,
  regions: BenchRegions,
  count: number,
): Promise<{ values: number; wrong: number }> {
  let [values, wrong] = [0, 0];
  for (let from = 1; from <= count; from += PAGE) {
    const to = Math.min(count, from + PAGE - 1);
    const { rows } = await regions.pool.query<{ id: number; value: number }>(
      'select id, value from tracked where id between $1 and $2',
      [from, to],
    );
    const { records } = await store.read(rows.map(({ id }) => tracked.key({ id })));
    for (const [i, record] of records.entries()) {
      const value = record?.value;
      if (!value?.data || value.version.n < record!.tidemark.n) continue;
      values += 1;
      const cached = JSON.parse(new TextDecoder().decode(value.data)) as { value: number };
      if (cached.value !== rows[i]!.value) wrong += 1;
    }
  }
  return { values, wrong };
}
