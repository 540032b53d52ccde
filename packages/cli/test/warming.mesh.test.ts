import { readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { json } from 'node:stream/consumers';
import { fillAll, fillOfCopy, type Store } from '@tidemark/core';
import { type RedisStore, redisStore } from '@tidemark/redis';
import { type Exporter, readMetas, startExport, storePeer, type WarmReport } from '@tidemark/warmup';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runWarm, type WarmRequest } from '../src/warm-run.ts';
import { counted } from './fixtures/counted-keyspaces.ts';
import { run } from './run.ts';
import { ThreeRegions, WAIT } from './three-regions.ts';

const ROWS = 3_000;
const KEYSPACES = fileURLToPath(new URL('fixtures/counted-keyspaces.ts', import.meta.url));
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let mesh: ThreeRegions;
let us: RedisStore;
let eu: RedisStore;
let states = 0;

beforeAll(async () => {
  mesh = await ThreeRegions.start();
  // Patient ones, for what the tests themselves do.
  const open = (id: 'us' | 'eu'): Promise<RedisStore> =>
    redisStore({ url: mesh.redis[id].url, namespace: 'shop', commandTimeoutMs: 10_000 });
  us = await open('us');
  eu = await open('eu');
  await mesh.admin.query(`
    create table loads (id integer not null);
    create function counted_items(ids int[]) returns setof items language sql as $$
      insert into loads select unnest(ids); select * from items where id = any (ids) $$`);
  await mesh.admin.query(`insert into items select id, 'old' from generate_series(1, ${ROWS}) id`);
  await mesh.settled(ROWS);
});
beforeEach(async () => {
  await mesh.admin.query('truncate loads');
});
afterEach(async () => {
  mesh.slowRedis('eu', 0);
  await emptyEu();
});
afterAll(async () => {
  await Promise.all([us.close(), eu.close()]);
  await mesh.close();
});

/** Its applier sets it up anew, at the horizon of now. */
async function emptyEu(): Promise<void> {
  const redis = new Redis(mesh.redis.eu.url);
  await redis.flushall();
  redis.disconnect();
  await vi.waitFor(async () => expect((await eu.read([])).meta).not.toBeNull(), WAIT);
}

function keysOf(count = ROWS): string[] {
  return Array.from({ length: count }, (_, i) => counted.key({ id: i + 1 }));
}

/** Fills a region with all rows as they are, by the rules: labels first. */
async function fillRows(store: Store): Promise<void> {
  const keys = keysOf();
  for (let at = 0; at < keys.length; at += 500) {
    const page = keys.slice(at, at + 500);
    const [meta] = await readMetas(store);
    const { asOf, versions, scopes } = await mesh.members.us.source.labels(page);
    const { rows } = await mesh.admin.query<{ id: number; value: string }>(
      'select id, value from items where id between $1 and $2 order by id',
      [at + 1, at + 500],
    );
    await fillAll(
      store,
      page.map((key, i) =>
        fillOfCopy(
          {
            key,
            version: versions[i]!,
            scope: scopes[i]!,
            schema: counted.schemaVersion,
            freshMs: 600_000,
            staleMs: 0,
            data: Buffer.from(JSON.stringify(rows[i])),
            dependencies: [],
          },
          asOf,
          meta!,
        ),
      ),
    );
  }
}

async function loadsCounted(): Promise<{ loads: number; keys: number }> {
  const { rows } = await mesh.admin.query<{ loads: number; keys: number }>(
    'select count(*)::int as loads, count(distinct id)::int as keys from loads',
  );
  return rows[0]!;
}

function request(changes: Partial<WarmRequest>): WarmRequest {
  states += 1;
  return {
    dir: mesh.dir,
    id: 'eu',
    source: 'shop',
    from: ['peer:us'],
    keyspaces: ['item'],
    sourceQps: 100_000,
    liveSlowdownMax: 0,
    statePath: join(mesh.dir, `state-${states}`),
    resume: false,
    signal: new AbortController().signal,
    screen: { update() {}, say() {}, end() {} },
    ...changes,
  };
}

const inEu = (): string[] => [
  ...mesh.place,
  '--region',
  'eu',
  '--state',
  join(mesh.dir, `state-${(states += 1)}`),
];

describe('a warm-up on real servers', () => {
  it('slows down while the Redis of the region answers slowly', async () => {
    await fillRows(us);
    const speeds: number[] = [];
    let slow = false;
    const report = await runWarm(
      request({
        concurrency: 1,
        liveSlowdownMax: 2,
        // Long enough for both: 6 batches a second.
        rateMax: 3_000,
        screen: {
          say() {},
          end() {},
          update({ speed }) {
            speeds.push(speed);
            if (!slow) mesh.slowRedis('eu', 40);
            slow = true;
          },
        },
      }),
    );
    mesh.slowRedis('eu', 0);
    expect(report).toMatchObject({ outcome: 'complete', filled: ROWS });
    expect(Math.min(...speeds)).toBeLessThan(0.6);
  });

  it('by two workers at once loads no key twice, whether they share the keys or not', async () => {
    const path = join(mesh.dir, 'keys');
    await writeFile(path, keysOf().join('\n'));
    const both = async (changes: (i: number) => Partial<WarmRequest>): Promise<WarmReport[]> =>
      Promise.all(
        [0, 1].map((index) =>
          runWarm(
            request({ from: ['source'], keyspacesModule: KEYSPACES, keysFile: path, ...changes(index) }),
          ),
        ),
      );
    for (const { outcome, coverage } of await both(() => ({})))
      expect([outcome, coverage]).toEqual(['complete', 1]);
    expect(await loadsCounted()).toEqual({ loads: ROWS, keys: ROWS });
    await eu.raiseEpoch((await eu.read([])).meta!.base);
    await mesh.admin.query('truncate loads');
    const shared = await both((index) => ({ shard: { index, count: 2 } }));
    expect(shared.map(({ keys }) => keys).reduce((a, b) => a + b)).toBe(ROWS);
    expect(await loadsCounted()).toEqual({ loads: ROWS, keys: ROWS });
  });

  it('says plain lines where there is no terminal, and ends with what it did', async () => {
    await fillRows(us);
    const { code, out, err } = await run('warm', ...inEu(), '--from', 'peer:us', '--keyspace', 'item');
    expect([code, out]).toEqual([0, '']);
    const lines = err.trimEnd().split('\n');
    expect(lines[0]).toBe('listing keys');
    expect(lines[1]).toBe(`${ROWS} keys, 0 of them done before`);
    expect(lines.some((line) => /^\d+\/3000 keys, \d+\/s, \d+ s left, \d+ filled, /.test(line))).toBe(true);
    expect(lines.at(-1)).toMatch(
      /^complete: 3000\/3000 keys in [\d.]+ s, 3000 filled, 0 there, coverage 100\.0 %/,
    );
    // No bar, no cursor, no colour.
    expect(['\u001B', '\r', '█'].filter((each) => err.includes(each))).toEqual([]);
  });

  it('until the reads of live traffic elsewhere would be hits, as they are told line by line', async () => {
    await fillRows(us);
    const [warm, cold] = [join(mesh.dir, 'warm-reads'), join(mesh.dir, 'cold-reads')];
    await writeFile(warm, keysOf(200).join('\n'));
    await writeFile(cold, Array.from({ length: 200 }, (_, i) => `item:${900_000 + i}\n`).join(''));
    const args = ['--from', 'peer:us', '--keyspace', 'item', '--until', 'hit-rate=0.9', '--json'];
    const none = await run('warm', ...inEu(), ...args, '--shadow', cold);
    expect(none.code).toBe(3);
    expect(JSON.parse(none.out.trimEnd().split('\n').at(-1)!)).toMatchObject({
      outcome: 'complete',
      hitRate: 0,
    });
    // The region is warm now: the first look at them is enough.
    const all = await run('warm', ...inEu(), ...args, '--shadow', warm);
    expect(all.code).toBe(0);
    expect(JSON.parse(all.out.trimEnd().split('\n').at(-1)!)).toMatchObject({ hitRate: 1 });
    const missing = await run('warm', ...inEu(), ...args, '--shadow', join(mesh.dir, 'nothing'));
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining("keys can't be read")]);
  });

  it('from the source holds the source budget that it was given', async () => {
    const path = join(mesh.dir, 'few-keys');
    await writeFile(path, keysOf(300).join('\n'));
    const report = await runWarm(
      request({ from: ['source'], keyspacesModule: KEYSPACES, keysFile: path, sourceQps: 200 }),
    );
    expect(await loadsCounted()).toEqual({ loads: 300, keys: 300 });
    // 300 loads at 200 a second, but for a burst of a tenth of a second; a busy machine makes it longer only.
    expect(report.tookMs).toBeGreaterThan(1_300);
  });

  it('a snapshot of an older era brings nothing back; what it names is loaded anew', async () => {
    await fillRows(us);
    const file = join(mesh.dir, 'snapshot');
    const saved = await run(
      'snapshot',
      'save',
      ...mesh.place,
      '--region',
      'us',
      '--out',
      file,
      '--keyspace',
      'item',
    );
    expect(saved.code).toBe(0);
    await mesh.admin.query('select tidemark.raise_era()');
    await mesh.admin.query("update items set value = 'of the new era' where id = 1");
    await vi.waitFor(async () => expect((await eu.read([])).meta?.horizon.era).toBe(2), WAIT);
    const alone = await runWarm(request({ from: [`snapshot:${file}`] }));
    expect(alone).toMatchObject({ filled: 0, there: 0, keys: ROWS });
    const { records } = await eu.read(keysOf(500));
    expect(records.filter((record) => record?.value && record.value.version.era > 1)).toEqual([]);
    const mixed = await runWarm(
      request({ from: [`snapshot:${file}`, 'source'], keyspacesModule: KEYSPACES, top: 100 }),
    );
    expect(mixed).toMatchObject({ outcome: 'complete', coverage: 1, filled: 100 });
    expect(await loadsCounted()).toEqual({ loads: 100, keys: 100 });
    await rm(file);
  });
});

describe('a warm-up from the source, as a deploy runs it', () => {
  const fromSource = (...more: string[]): Promise<{ code: number; out: string; err: string }> =>
    run(
      'warm',
      ...inEu(),
      ...['--from', 'source', '--keyspaces', KEYSPACES, '--live-slowdown', '0', '--json'],
      ...more,
    );
  const reportOf = (out: string): WarmReport => JSON.parse(out.trim().split('\n').at(-1)!) as WarmReport;

  it('takes the keys that a query names, hottest first', async () => {
    const sql = "select 'item:' || id as key, 1000 - id as reads from items where id <= 40 order by random()";
    const { code, out } = await fromSource('--sql', sql, '--source-qps', '1000');
    expect(code).toBe(0);
    expect(reportOf(out)).toMatchObject({ outcome: 'complete', filled: 40, coverage: 1 });
    expect(await loadsCounted()).toEqual({ loads: 40, keys: 40 });
    const { records } = await eu.read(keysOf(41));
    expect(records.filter((record) => record?.value).length).toBe(40);
  });

  it('says what a query must give when it gives something else', async () => {
    const { code, err } = await fromSource('--sql', 'select id from items', '--source-qps', '1000');
    expect(code).toBe(2);
    expect(err).toContain('--sql must give a text column');
  });

  it.each([
    ['fail', 3],
    ['proceed', 0],
  ])('that meets its deadline and is to %s exits with %i, with what there is', async (what, expected) => {
    const sql = "select 'item:' || id as key from items";
    const slow = ['--source-qps', '20', '--deadline', '1500ms', '--until', 'coverage=95%'];
    const { code, out } = await fromSource('--sql', sql, ...slow, '--on-deadline', what);
    expect(code).toBe(expected);
    const { outcome, coverage } = reportOf(out);
    expect(outcome).toBe('deadline');
    expect(coverage).toBeLessThan(0.95);
  });
});

describe('a process that starts', () => {
  it('takes the hot keys of its region into L1 before it is ready, and asks the source for nothing', async () => {
    await fillRows(eu);
    await eu.popularity!.report('an earlier process', [
      { key: 'item:11', reads: 50 },
      { key: 'item:12', reads: 40 },
      { key: 'item:900001', reads: 30 }, // The region has it not.
    ]);
    const { node } = await mesh.join('eu', { keyspaces: [counted] });
    // A busy machine may make its store late.
    await vi.waitFor(async () => expect(await node.preload(100)).toBe(2), WAIT);
    expect(node.peek(counted, { id: 11 })).toMatchObject({ id: 11 });
    expect(node.peek(counted, { id: 12 })).toMatchObject({ id: 12 });
    expect(await loadsCounted()).toMatchObject({ loads: 0 });
    // And hears of what changes, like any other entry.
    await mesh.write(11, 'changed');
    await vi.waitFor(() => expect(node.peek(counted, { id: 11 })).toBeUndefined(), WAIT);
  });
});

describe('an export over TLS', () => {
  let exporter: Exporter;
  afterEach(() => exporter.close());

  it('speaks TLS and nothing else', async () => {
    const [cert, key] = await Promise.all(
      ['export-cert.pem', 'export-key.pem'].map((name) => readFile(fixture(name), 'utf8')),
    );
    const token = 'of-both-sides-0123456789';
    exporter = await startExport({
      peer: storePeer('us', us),
      region: 'us',
      source: 'shop',
      token,
      host: '127.0.0.1',
      port: 0,
      tls: { cert: cert!, key: key! },
    });
    const url = new URL('/v1/about', exporter.url);
    expect(url.protocol).toBe('https:');
    const headers = { authorization: `Bearer ${token}` };
    const about = await new Promise((resolve, reject) => {
      get(url, { ca: cert!, servername: 'localhost', headers }, (response) => resolve(json(response))).on(
        'error',
        reject,
      );
    });
    expect(about).toMatchObject({ format: 1, source: 'shop', region: 'us' });
    await expect(fetch(exporter.url.replace('https', 'http'), { headers })).rejects.toThrow();
    // A certificate that nobody vouches for.
    await expect(fetch(url, { headers })).rejects.toThrow();
  });
});
