import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { SourceOfTruth, SqlExecutor } from '@tidemark/core';
import { startProxy, type Proxy } from '@tidemark/testbed';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { testDatabase, type TestDatabase } from './database.ts';

/** A process that leads `relay` and says so. */
function startHolder(url: string): ChildProcess {
  const script = fileURLToPath(new URL('./leading-process.ts', import.meta.url));
  const holder = spawn(process.execPath, ['--import', 'tsx', '--conditions=@tidemark/source', script, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void holder.kill('SIGKILL'));
  return holder;
}

const UNAVAILABLE = { code: 'E_SOURCE_UNAVAILABLE' };
/** The machine may be busy: nothing here is true only if it is quick. */
const WAIT = { timeout: 60_000, interval: 20 };
vi.setConfig({ testTimeout: 180_000 });

let database: TestDatabase;
let proxy: Proxy;
/** A source on the other side of a link that can be cut. */
let source: SourceOfTruth<SqlExecutor, SqlExecutor>;
/** The same with short timeouts, for tests of timeouts. */
let impatient: SourceOfTruth<SqlExecutor, SqlExecutor>;

function throughProxy(): string {
  return Object.assign(new URL(database.url), { port: String(proxy.port) }).href;
}

beforeEach(async () => {
  database = await testDatabase();
  proxy = await startProxy({ target: database.server });
  const patience = { statementTimeoutMs: 60_000, connectTimeoutMs: 60_000 };
  source = database.source({ connectionString: throughProxy(), ...patience });
  impatient = database.source({
    connectionString: throughProxy(),
    statementTimeoutMs: 500,
    connectTimeoutMs: 500,
  });
});
afterEach(async () => {
  proxy.heal();
  await database[Symbol.asyncDispose]();
  await proxy.close();
});

describe('a server that dies', () => {
  it('fails work with a coded error, and is used again once it is back, with nothing lost', async () => {
    const direct = database.source();
    const acknowledged = new Map<string, number>();
    const codes = new Set<unknown>();
    let killed = false;
    const since = (await direct.changes(null, { limit: 10 })).horizon;
    const work = Promise.all(
      [1, 2, 3, 4].map(async (writer) => {
        for (let count = 0; count < 20 || !killed; count += 1) {
          try {
            const { invalidations } = await direct.transaction(async (tx, bump) => {
              await tx.query('SELECT pg_current_xact_id()');
              bump(`item:${writer}`);
            });
            for (const { key, version } of invalidations) acknowledged.set(key, version.n);
          } catch (error) {
            codes.add((error as { code?: unknown }).code);
            return;
          }
        }
      }),
    );
    await vi.waitFor(() => expect(acknowledged.size).toBe(4), WAIT);
    await database.server.kill();
    killed = true;
    await work;
    expect([...codes].every((code) => code === 'E_SOURCE_UNAVAILABLE' || code === 'E_COMMIT_UNKNOWN')).toBe(
      true,
    );
    await expect(direct.labels([])).rejects.toMatchObject(UNAVAILABLE);
    // Processes of the killed server may hold its memory for a moment longer.
    await vi.waitFor(() => database.server.start(), WAIT);
    await vi.waitFor(() => direct.labels([]), WAIT);
    const { changes } = await direct.changes(since, { limit: 100 });
    for (const [key, n] of acknowledged) {
      expect(changes.find((change) => change.key === key)?.version.n).toBeGreaterThanOrEqual(n);
    }
  });

  it('hands out transaction ids again, and no horizon stands above them', async () => {
    const direct = database.source();
    // What the crash is to lose must not be written before it, however slow the machine is.
    await database.pool.query(`ALTER SYSTEM SET wal_writer_delay = '10s'`);
    await database.pool.query('SELECT pg_reload_conf()');
    await direct.transaction(async (_tx, bump) => bump('item:1'));
    const nextId = async (): Promise<number> =>
      Number(
        (await direct.db.one<{ x: string }>('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS x')).x,
      );
    for (let count = 0; count < 200; count += 1) await direct.db.query('SELECT pg_current_xact_id()');
    const xmaxBefore = await nextId();
    const { horizon } = await direct.changes(null, { limit: 10 });
    const { asOf } = await direct.labels([]);
    await database.server.kill();
    await vi.waitFor(() => database.server.start(), WAIT);
    await vi.waitFor(() => direct.labels([]), WAIT);
    expect(await nextId()).toBeLessThan(xmaxBefore);
    const { invalidations } = await direct.transaction(async (_tx, bump) => bump('item:2'));
    const { changes } = await direct.changes(horizon, { limit: 10 });
    expect(changes).toContainEqual(invalidations[0]);
    expect(asOf).toEqual(horizon);
  });

  it('does not end the process through idle connections', async () => {
    await Promise.all([1, 2, 3].map(() => source.labels([])));
    proxy.cut('reset');
    await expect(source.labels([])).rejects.toMatchObject(UNAVAILABLE);
    proxy.heal();
    await vi.waitFor(() => source.labels([]), WAIT);
  });
});

describe('a connection that is lost', () => {
  it('between two statements of a transaction fails it, and the process lives', async () => {
    const attempt = source.transaction(async (tx) => {
      await tx.query('SELECT 1');
      proxy.cut('reset');
      await vi.waitFor(() => expect(tx.query('SELECT 1')).rejects.toMatchObject(UNAVAILABLE), WAIT);
      proxy.heal();
    });
    await expect(attempt).rejects.toMatchObject(UNAVAILABLE);
    await vi.waitFor(() => source.labels([]), WAIT);
  });

  it('keeps the error that the work threw', async () => {
    const error = new Error('mine');
    const attempt = source.transaction(async (tx) => {
      await tx.query('SELECT 1');
      proxy.cut('reset');
      throw error;
    });
    await expect(attempt).rejects.toBe(error);
  });

  it('during COMMIT leaves an outcome that nobody knows, and says so', async () => {
    await database.pool.query(
      `CREATE TABLE slow (id int);
       CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END $$;
       CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON slow INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger()`,
    );
    const holder = await database.pool.connect();
    await holder.query('SELECT pg_advisory_lock(7)');
    const outcome = source
      .transaction((tx) => tx.query('INSERT INTO slow VALUES (1)'))
      .catch((error: unknown) => error);
    await vi.waitFor(async () => {
      const { rowCount } = await database.pool.query(
        `SELECT 1 FROM pg_stat_activity WHERE query = 'COMMIT' AND wait_event_type = 'Lock'`,
      );
      expect(rowCount).toBe(1);
    }, WAIT);
    proxy.cut('reset');
    expect(await outcome).toMatchObject({ name: 'CommitUnknownError', code: 'E_COMMIT_UNKNOWN' });
    await holder.query('SELECT pg_advisory_unlock(7)');
    holder.release();
    // It had happened after all.
    await vi.waitFor(
      async () => expect((await database.pool.query('SELECT id FROM slow')).rowCount).toBe(1),
      WAIT,
    );
  });
});

describe('a link that swallows everything', () => {
  it('fails calls within their timeouts', async () => {
    await vi.waitFor(() => impatient.labels([]), WAIT);
    proxy.cut('blackhole');
    await expect(impatient.labels([])).rejects.toMatchObject(UNAVAILABLE);
    await expect(impatient.transaction(async () => 1)).rejects.toMatchObject(UNAVAILABLE);
    await expect(impatient.lead('relay')).rejects.toMatchObject(UNAVAILABLE);
    proxy.heal();
    await vi.waitFor(() => impatient.labels([]), WAIT);
  });

  it('ends leadership, and does not keep close from returning', async () => {
    const leadership = await source.lead('relay');
    proxy.cut('blackhole');
    await vi.waitFor(() => expect(leadership?.lost.aborted).toBe(true), WAIT);
    await source.close();
  });
});

describe('leadership', () => {
  it('is lost with its connection, and free for another', async () => {
    const leadership = await source.lead('relay');
    const lost = new Promise((resolve) => leadership?.lost.addEventListener('abort', resolve));
    await database.pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()`,
    );
    await lost;
    expect(await source.lead('relay')).not.toBeNull();
  });

  it('moves on when its holder is cut off, though the server sees an open connection', async () => {
    const other = database.source();
    const leadership = await source.lead('relay');
    expect(await other.lead('relay')).toBeNull();
    proxy.cut('blackhole');
    await vi.waitFor(async () => expect(await other.lead('relay')).not.toBeNull(), WAIT);
    await vi.waitFor(() => expect(leadership?.lost.aborted).toBe(true), WAIT);
  });

  it('moves on when its process hangs, and the process learns it when it wakes', async () => {
    const holder = startHolder(database.url);
    const heard: string[] = [];
    createInterface(holder.stdout!).on('line', (line) => heard.push(line));
    await vi.waitFor(() => expect(heard).toEqual(['leading']), WAIT);
    expect(await source.lead('relay')).toBeNull();
    holder.kill('SIGSTOP');
    const taken = await vi.waitFor(async () => {
      const leadership = await source.lead('relay');
      expect(leadership).not.toBeNull();
      return leadership!;
    }, WAIT);
    holder.kill('SIGCONT');
    await vi.waitFor(() => expect(heard).toEqual(['leading', 'lost']), WAIT);
    expect(taken.lost.aborted).toBe(false);
  });
});

describe('a statement', () => {
  it('that runs too long fails with the error of the server', async () => {
    // The client itself gives up a second later than the server.
    await vi.waitFor(
      () => expect(impatient.db.query('SELECT pg_sleep(600)')).rejects.toMatchObject({ code: '57014' }),
      WAIT,
    );
    await vi.waitFor(() => impatient.labels([]), WAIT);
  });
});

describe('a pool that is used up', () => {
  it('fails the next caller within the timeout', async () => {
    const small = database.source({ poolMax: 1, connectTimeoutMs: 200 });
    await vi.waitFor(() => small.labels([]), WAIT); // Now it has its connection.
    await small.transaction(async () => {
      await expect(small.labels([])).rejects.toMatchObject(UNAVAILABLE);
    });
    await small.labels([]);
  });
});
