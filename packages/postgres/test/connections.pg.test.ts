import type { ClientBase, Pool, PoolClient } from 'pg';
import pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from '@tidemark/postgres';
import { Connections } from '../src/connections.ts';
import { testDatabase, type TestDatabase } from './database.ts';

// A client reports a connection that the server ends as an event. Nobody listens: the process ends.

let database: TestDatabase;

beforeEach(async () => {
  database = await testDatabase();
});
afterEach(() => database[Symbol.asyncDispose]());

/** As an administrator ends a session, which is idle: error 57P01, and then nothing. */
async function terminate(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const ended = new Promise((resolve) => client.once('end', resolve));
  await database.pool.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
  await ended;
}

it('a new connection that ends while it is prepared fails its caller, and not the process', async () => {
  let isFirst = true;
  const connections = new Connections({ connectionString: database.url }, async (client) => {
    if (isFirst) {
      isFirst = false;
      await terminate(client);
    }
    await client.query('SELECT 1');
  });
  await expect(connections.use(async () => {})).rejects.toThrow(/not queryable|terminat/);
  await connections.use(async ({ client }) => client.query('SELECT 1'));
  await connections.close();
});

it('a lent connection that ends fails its work, and not the process', async () => {
  const connections = new Connections({ connectionString: database.url }, async () => {});
  const states = await connections.use(async ({ client, lost }) => {
    const before = lost();
    await terminate(client);
    return [before, lost()];
  });
  expect(states).toEqual([false, true]);
  await connections.use(async ({ client }) => client.query('SELECT 1'));
  await connections.close();
});

it('a migration whose connection ends between two statements fails, and not the process', async () => {
  const pool = new pg.Pool({ connectionString: await database.server.createDatabase() });
  pool.on('error', () => {}); // It does not wait for its connections to end, and the server may end first.
  const ending: Pick<Pool, 'connect'> = {
    async connect(): Promise<PoolClient> {
      const client = await pool.connect();
      const query = client.query.bind(client);
      client.query = (async (text: string) => {
        const result = await query(text);
        client.query = query as typeof client.query;
        await terminate(client);
        return result;
      }) as typeof client.query;
      return client;
    },
  };
  await expect(migrate(ending as Pool)).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE' });
  expect(await migrate(pool)).not.toEqual([]);
  await pool.end();
});
