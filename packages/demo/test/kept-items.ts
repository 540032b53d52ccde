import { keyspace } from '@tidemark/core';
import type { Item } from './regions-harness.ts';

/** The harness' items, with earlier values kept. */
export const keptItems = keyspace({
  name: 'item',
  params: { id: 'int' },
  retain: 2,
  load: ({ id }, { db }) => db.maybeOne<Item>('select id, value from items where id = $1', [id]),
});
