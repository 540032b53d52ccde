import { setTimeout as sleep } from 'node:timers/promises';
import { keyspace, type SqlExecutor } from '@tidemark/core';
import type { Value } from '@tidemark/checkers';

/** Loads that take long, as some do: what they return was read at their beginning. */
const SLOW_LOADS = 0.03;
const SLOW_LOAD_MS_MAX = 900;

const SELECT = `select i.id, i.counter, i.write, s.counter as settings
  from chaos_items i cross join chaos_settings s where i.id = any($1::int[])`;

interface Row extends Value {
  readonly id: number;
}

async function load(db: SqlExecutor, ids: readonly number[]): Promise<(Value | null)[]> {
  const rows = new Map((await db.query<Row>(SELECT, [ids])).map((row) => [row.id, row]));
  if (Math.random() < SLOW_LOADS) await sleep(Math.random() * SLOW_LOAD_MS_MAX);
  return ids.map((id) => {
    const row = rows.get(id);
    return row ? { counter: row.counter, write: row.write, settings: row.settings } : null;
  });
}

/** Rows that say which write made them. No TTL ends within a run: only invalidation keeps them right. */
export const items = keyspace({
  name: 'item',
  params: { id: 'int' },
  ttl: '6h',
  negativeTtl: '6h',
  load: async ({ id }, { db }): Promise<Value | null> => (await load(db, [id]))[0]!,
  loadMany: (params, { db }) =>
    load(
      db,
      params.map(({ id }) => id),
    ),
});

export function keyOf(id: number): string {
  return `item:${id}`;
}
