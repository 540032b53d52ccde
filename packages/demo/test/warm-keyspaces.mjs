import { keyspace } from '@tidemark/core';

/** @typedef {{ readonly id: number, readonly value: string }} Item */

/** What `tidemark warm` is given in tests, where it runs as it is built: each load is noted in the database. */
export const noted = keyspace({
  name: 'item',
  params: { id: 'int' },
  load: async ({ id }, { db }) =>
    /** @type {Item | undefined} */ (
      await db.maybeOne('select id, value from noted_items(array[$1]::int[])', [id])
    ),
  async loadMany(params, { db }) {
    const ids = params.map(({ id }) => id);
    const rows = /** @type {Item[]} */ (await db.query('select id, value from noted_items($1)', [ids]));
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id));
  },
  ttl: '1h',
});
