import type { SourceLabels, SourceOfTruth, SqlExecutor } from '@tidemark/core';
import { type PostgresStandby, startPostgres, startPostgresStandby, startProxy } from '@tidemark/testbed';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { testDatabase, type TestDatabase } from './database.ts';

const UNAVAILABLE = { code: 'E_SOURCE_UNAVAILABLE' };
const WAIT = { timeout: 20_000, interval: 10 };

type Source = SourceOfTruth<SqlExecutor, SqlExecutor>;

let database: TestDatabase;
let standbys: PostgresStandby[];
/** On the primary, with both standbys as replicas. */
let source: Source;

function urlOn(server: { readonly port: number }): string {
  return Object.assign(new URL(database.url), { port: String(server.port) }).href;
}

beforeAll(async () => {
  database = await testDatabase();
  await database.pool.query('CREATE TABLE items (id int PRIMARY KEY, version bigint)');
  standbys = await Promise.all([
    startPostgresStandby(database.server),
    startPostgresStandby(database.server),
  ]);
  await Promise.all(standbys.map((standby) => standby.caughtUp()));
  source = database.source({ connectionString: database.url, replica: { urls: standbys.map(urlOn) } });
});
afterAll(async () => {
  await source?.close();
  await Promise.all(standbys.map((standby) => standby.close()));
  await database[Symbol.asyncDispose]();
});

/** Writes a row that says which version its key has. */
async function write(id: number): Promise<number> {
  await database.pool.query(
    `BEGIN; SELECT tidemark.bump(ARRAY['item:${id}']);
     INSERT INTO items SELECT ${id}, version FROM tidemark.versions WHERE key = 'item:${id}'
     ON CONFLICT (id) DO UPDATE SET version = excluded.version; COMMIT`,
  );
  return (await source.labels([`item:${id}`])).versions[0]!.n;
}

/** Label and row of one load, from one of the replicas. */
function load(id: number): Promise<{ labels: SourceLabels; label: number; row: number }> {
  return source.replica!.use(async ({ labels: ask, db }) => {
    const labels = await ask([`item:${id}`]);
    const row = await db.one<{ version: string }>('SELECT version FROM items WHERE id = $1', [id]);
    return { labels, label: labels.versions[0]!.n, row: Number(row.version) };
  });
}

describe('a replica', () => {
  it('answers label and value of one load from one server', async () => {
    const old = await write(1);
    await Promise.all(standbys.map((standby) => standby.caughtUp()));
    await standbys[0]!.pauseReplay();
    const now = await write(1);
    await standbys[1]!.caughtUp();
    const seen = await Promise.all(Array.from({ length: 20 }, () => load(1)));
    expect(seen.every(({ label, row }) => label === row)).toBe(true);
    expect(new Set(seen.map(({ row }) => row))).toEqual(new Set([old, now]));
    await standbys[0]!.resumeReplay();
  });

  it('runs statements that are started together, and none after the load', async () => {
    let leaked: SqlExecutor | undefined;
    const values = await source.replica!.use(({ db }) => {
      leaked = db;
      return Promise.all([1, 2, 3].map((n) => db.one('SELECT $1::int AS n', [n])));
    });
    expect(values).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    await expect(leaked!.query('SELECT 1')).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
  });

  it('passes errors of the loader on unchanged, and goes on', async () => {
    const error = new Error('mine');
    await expect(source.replica!.use(() => Promise.reject(error))).rejects.toBe(error);
    await expect(source.replica!.use(({ db }) => db.query('SELECT 1 / 0'))).rejects.toMatchObject({
      code: '22012',
    });
    await load(1);
  });

  it('never claims more than it shows, however its replay lags, stops and jumps', async () => {
    await database.pool.query(
      `CREATE TABLE history (key text, version bigint, xid bigint);
       CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         INSERT INTO public.history VALUES (NEW.key, NEW.version, NEW.xid::text::bigint); RETURN NULL; END $$;
       CREATE TRIGGER remember AFTER INSERT OR UPDATE ON tidemark.versions FOR EACH ROW EXECUTE FUNCTION remember()`,
    );
    const keys = [1, 2, 3, 4, 5].map((id) => `chaos:${id}`);
    let writing = true;
    const writers = [1, 2, 3, 4, 5].map(async (writer) => {
      for (let count = 0; count < 30; count += 1) {
        await source
          .transaction(async (tx, bump) => {
            if ((count + writer) % 2) await tx.query('SELECT pg_current_xact_id()');
            // Ids end in another order than they began, some of them never.
            await tx.query('SELECT pg_sleep($1)', [((count * writer) % 5) / 200]);
            bump(keys[(count * writer) % 5]!);
            if ((count * writer) % 7 === 3) throw new Error('aborted');
          })
          .catch(() => {});
      }
    });
    const written = Promise.all(writers).finally(() => {
      writing = false;
    });
    const pausing = (async () => {
      while (writing) {
        await standbys[0]!.pauseReplay();
        await database.pool.query('SELECT pg_sleep(0.02)');
        await standbys[0]!.resumeReplay();
        await database.pool.query('SELECT pg_sleep(0.01)');
      }
    })();
    const samples: SourceLabels[] = [];
    const sampling = (async () => {
      while (writing) samples.push(await source.replica!.use(({ labels }) => labels(keys)));
    })();
    await Promise.all([written, pausing, sampling]);
    const { rows: history } = await database.pool.query<{ key: string; version: string; xid: string }>(
      'SELECT key, version, xid FROM history',
    );
    const claims = samples.flatMap(({ asOf, versions }) =>
      history
        .filter(({ xid }) => Number(xid) < asOf.xid)
        .filter(({ key, version }) => versions[keys.indexOf(key)]!.n < Number(version)),
    );
    expect(claims).toEqual([]);
    expect(history.length).toBeGreaterThan(50);
    // Otherwise nothing was tried.
    const shown = new Set(samples.map(({ versions }) => versions.map(({ n }) => n).join()));
    expect(shown.size).toBeGreaterThan(10);
    const behind = samples.filter(({ asOf }) => history.some(({ xid }) => Number(xid) >= asOf.xid));
    expect(behind.length).toBeGreaterThan(10);
  });

  it('takes the era as its primary left it, also before it has heard that it rose', async () => {
    await Promise.all(standbys.map((standby) => standby.pauseReplay()));
    const { era } = (await source.labels([])).asOf;
    await database.pool.query('SELECT tidemark.raise_era()');
    expect((await load(1)).labels.asOf.era).toBe(era);
    await Promise.all(standbys.map((standby) => standby.resumeReplay()));
    await Promise.all(standbys.map((standby) => standby.caughtUp()));
    expect((await load(1)).labels.asOf.era).toBe(era + 1);
  });
});

describe('a replica that is gone', () => {
  it.each([
    ['left alone for a while', 600_000],
    ['asked again later', 50],
  ])('is %s', async (_, retryAfterMs) => {
    await using proxy = await startProxy({ target: standbys[0]! });
    const far = database.source({
      connectionString: database.url,
      replica: { urls: [urlOn(proxy), urlOn(standbys[1]!)], retryAfterMs },
    });
    const use = (): Promise<unknown> => far.replica!.use(({ labels }) => labels(['item:1']));
    await Promise.all([use(), use()]);
    proxy.cut('reset');
    // A load that was begun on it fails, and goes to the primary.
    const [first, second] = await Promise.allSettled([use(), use()]);
    expect([first.status, second.status].toSorted()).toEqual(['fulfilled', 'rejected']);
    proxy.heal();
    const before = proxy.bytes;
    for (let count = 0; count < 10; count += 1) await use();
    if (retryAfterMs > 50) expect(proxy.bytes).toBe(before);
    else {
      await vi.waitFor(async () => {
        await use();
        expect(proxy.bytes).toBeGreaterThan(before);
      }, WAIT);
    }
    await far.close();
  });

  it('does not keep a load waiting for longer than its timeouts', async () => {
    await using proxy = await startProxy({ target: standbys[0]! });
    const far = database.source({
      connectionString: database.url,
      replica: { urls: [urlOn(proxy)], statementTimeoutMs: 300, connectTimeoutMs: 300 },
    });
    const use = (): Promise<unknown> => far.replica!.use(({ labels }) => labels(['item:1']));
    await use();
    proxy.cut('blackhole');
    await expect(use()).rejects.toMatchObject(UNAVAILABLE);
    await expect(use()).rejects.toMatchObject(UNAVAILABLE); // At once: it is left alone.
    await far.close();
    proxy.heal();
  });

  it('is none of ours when it was promoted, even in the middle of a load', async () => {
    await using standby = await startPostgresStandby(database.server);
    await standby.caughtUp();
    const far = database.source({
      connectionString: database.url,
      replica: { urls: [urlOn(standby)], retryAfterMs: 1 },
    });
    const load1 = far.replica!.use(async ({ labels, db }) => {
      await labels(['item:1']);
      await standby.promote();
      // It has a future of its own now.
      return db.query('UPDATE items SET version = -1 RETURNING version');
    });
    await expect(load1).rejects.toMatchObject(UNAVAILABLE);
    await expect(far.replica!.use(({ labels }) => labels(['item:1']))).rejects.toMatchObject(UNAVAILABLE);
    await far.close();
  });

  it('was never one: a server that is not in recovery is refused', async () => {
    await using other = await startPostgres();
    const url = await other.createDatabase();
    const own = database.source({ connectionString: database.url, replica: { urls: [database.url] } });
    const foreign = database.source({ connectionString: database.url, replica: { urls: [url] } });
    await expect(own.replica!.use(({ labels }) => labels([]))).rejects.toMatchObject(UNAVAILABLE);
    await expect(foreign.replica!.use(({ labels }) => labels([]))).rejects.toMatchObject({
      code: 'E_SCHEMA_MISSING',
    });
    await foreign.close();
  });

  it('or none at all is a mistake in the options', () => {
    for (const replica of [{ urls: [] }, { urls: ['postgres://x'], retryAfterMs: 0 }]) {
      expect(() => database.source({ connectionString: database.url, replica })).toThrow(
        expect.objectContaining({ code: 'E_CONFIGURATION' }) as Error,
      );
    }
  });
});
