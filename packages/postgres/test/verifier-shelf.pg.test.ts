import { afterAll, beforeAll, expect, it } from 'vitest';
import { SHELF_EVENTS_MAX, type ShelvedEvent, type VerifierShelf, verifierShelf } from '../src/index.ts';
import { testDatabase } from './database.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
let shelf: VerifierShelf;
beforeAll(async () => {
  database = await testDatabase();
  shelf = verifierShelf(database.source().db);
});
afterAll(async () => database[Symbol.asyncDispose]());

const event = (id: number, ageMs = 1_000): ShelvedEvent => ({
  ...{ id, key: `item:${id}`, ageMs },
  version: { era: 1, n: 100 + id },
});

it('keeps a state and its events under a name, and nothing under others', async () => {
  expect(await shelf.load('a')).toBeNull();
  await shelf.save('a', { places: { us: [1] } }, 1, [event(1), event(2)]);
  await shelf.save('b', {}, 1, []);
  const { state, events } = (await shelf.load('a'))!;
  expect(state).toEqual({ places: { us: [1] } });
  expect(events.map(({ id, key, version }) => ({ id, key, version }))).toEqual([
    { id: 1, key: 'item:1', version: { era: 1, n: 101 } },
    { id: 2, key: 'item:2', version: { era: 1, n: 102 } },
  ]);
  expect((await shelf.load('b'))!.events).toEqual([]);
});

it('drops what is done, adds what is new, and leaves the age of what is there to the clock', async () => {
  await shelf.save('c', 1, 1, [event(1), event(2, 60_000)]);
  await shelf.save('c', 2, 2, [event(2, 0), event(3)]);
  const { state, events } = (await shelf.load('c'))!;
  expect(state).toBe(2);
  expect(events.map(({ id }) => id)).toEqual([2, 3]);
  expect(events[0]!.ageMs).toBeGreaterThanOrEqual(60_000);
  expect(events[0]!.ageMs).toBeLessThan(120_000);
});

it('takes a bounded number of events at a time', async () => {
  const many = Array.from({ length: SHELF_EVENTS_MAX + 5 }, (_, i) => event(i + 1));
  await shelf.save('d', null, 1, many);
  expect((await shelf.load('d'))!.events).toHaveLength(SHELF_EVENTS_MAX);
});

it('can be used by the roles of services, but for its tables', async () => {
  const { rows } = await database.pool.query<{ may: boolean }>(
    `select bool_or(has_table_privilege('public', oid, 'select')) as may from pg_class where relname like 'verifier%' and relkind = 'r'`,
  );
  expect(rows[0]!.may).toBe(false);
});
