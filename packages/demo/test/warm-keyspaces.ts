import { keyspace } from '@tidemark/core';

/** What `tidemark warm` is given in tests: each load is noted in the database. */
export const noted = keyspace<{ id: 'int' }, { id: number; value: string }>({
  name: 'item',
  params: { id: 'int' },
  load: ({ id }, { db }) => db.maybeOne('select id, value from noted_items(array[$1]::int[])', [id]),
  async loadMany(params, { db }) {
    const ids = params.map(({ id }) => id);
    const rows = await db.query<{ id: number; value: string }>('select id, value from noted_items($1)', [
      ids,
    ]);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id));
  },
  ttl: '1h',
});
