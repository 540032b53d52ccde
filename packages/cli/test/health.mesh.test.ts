import type { Finding, MeshView } from '@tidemark/inspect';
import { makeTempDir, type RegionEndpoints, removeTempDir, writeRegionFiles } from '@tidemark/testbed';
import { Redis } from 'ioredis';
import { connect, DiscardPolicy, nanos, type StreamConfig } from 'nats';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runAgent } from '../src/agent.ts';
import { run } from './run.ts';
import { shellWords } from './shell-words.ts';
import { type Id, IDS, items, ThreeRegions, WAIT } from './three-regions.ts';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
/** A look costs something. */
const RARELY = { timeout: 30_000, interval: 1_000 };
let regions: ThreeRegions;
/** What `tidemark agent` runs, until the end. */
const agents: Promise<void>[] = [];
const ending = new AbortController();
beforeAll(async () => {
  regions = await ThreeRegions.start();
  await regions.write(1, 'one');
  await regions.settled(1);
});
afterAll(async () => {
  ending.abort();
  await Promise.all(agents);
  await regions.close();
});

function startAgent(id: Id, { relay }: { readonly relay: boolean }): void {
  const place = { dir: regions.dir, id, source: 'shop', relay, applier: true };
  agents.push(runAgent({ ...place, signal: ending.signal, onEvent() {}, onReady() {} }));
}

async function json<T>(...args: string[]): Promise<{ code: number; data: T }> {
  const { code, out, err } = await run(...args, ...regions.place, '--json');
  expect(err).toBe('');
  return { code, data: JSON.parse(out) as T };
}

/** All that doctor finds in the regions that the files describe; notes too. */
async function diagnose(dir = regions.dir): Promise<readonly Finding[]> {
  const { out } = await run('doctor', '--regions', dir, '--source', 'shop', '--json');
  return (JSON.parse(out) as { findings: readonly Finding[] }).findings;
}

const named = (all: readonly Finding[]): string[] =>
  all.map(({ code, region }) => `${code} ${region ?? 'mesh'}`).toSorted();

async function findings(): Promise<{ code: number; found: readonly string[] }> {
  const { code, data } = await json<{ findings: readonly Finding[] }>('doctor');
  for (const { mend, text } of data.findings)
    expect([mend, text]).toEqual([expect.any(String), expect.any(String)]);
  return { code, found: named(data.findings.filter(({ severity }) => severity !== 'note')) };
}

/** Tracked anew, all is invalidated: nodes hear of it a moment later. So it is with roles that are taken. */
async function clean(): Promise<void> {
  await vi.waitFor(async () => expect(await findings()).toEqual({ code: 0, found: [] }), RARELY);
}

/** Runs the command of ours that a finding's mend is. */
async function runMend(mend: string, dir = regions.dir): Promise<void> {
  const [program, ...words] = shellWords(mend);
  expect(program).toBe('tidemark');
  expect(await run(...words, '--regions', dir)).toMatchObject({ code: 0, err: '' });
}

describe('a mesh in order', () => {
  it('status: all is reachable and proven', async () => {
    const { code, data } = await json<MeshView>('status');
    expect([code, data.troubles]).toEqual([0, []]);
    expect(data.truth).toMatchObject({
      reachable: true,
      isReplica: false,
      leader: { pid: expect.any(Number) },
    });
    expect(data.relay).not.toBeNull();
    const { horizon } = await regions.members.us.source.changes(null, { limit: 1 });
    for (const each of data.regions) {
      expect(each.redis).toMatchObject({
        meta: { horizon },
        applier: { holder: expect.any(String) },
        server: { policy: 'volatile-lru' },
      });
      expect(each).toMatchObject({ backlog: { changes: 0 }, deadLetters: 0 });
      expect(each.freshness).toEqual({ boundMs: expect.any(Number), reason: null });
    }
    const { out } = await run('status', ...regions.place);
    expect(out).toMatch(/^us +home +[\d.]+ ms/m);
    expect(out).toContain('all is reachable and proven');
  });

  it('lag: every region follows every other one', async () => {
    const { code, data } = await json<Pick<MeshView, 'pairs'>>('lag');
    expect(code).toBe(0);
    expect(data.pairs.length).toBe(9);
    for (const pair of data.pairs) expect(pair).toMatchObject({ following: true, reason: null });
    expect((await run('lag', ...regions.place)).out).toMatch(/^us +eu +\S+ m?s +\d+ +1 ms/m);
  });

  it('doctor: nothing is wrong', async () => {
    expect(await findings()).toEqual({ code: 0, found: [] });
  });
});

describe('doctor finds what was broken, and nothing else; what it says mends it', () => {
  it('settings of a region\u2019s servers', async () => {
    const eu = new Redis(regions.redis.eu.url);
    const nats = await connect({ servers: regions.endpoints.eu.nats });
    const { streams } = await nats.jetstreamManager();
    const [stream] = await streams.names().next();
    const set = (settings: Partial<StreamConfig>) => (): Promise<unknown> =>
      streams.update(stream!, settings);
    const memory = (bytes: number | string): Promise<unknown> => eu.config('SET', 'maxmemory', bytes);
    const usedBytes = async (): Promise<number> =>
      Number(/^used_memory:(\d+)/m.exec(await eu.info('memory'))![1]);
    /** Of so many keys that a few which are evicted are hardly ones of the store. */
    const junk = async (): Promise<void> => {
      const writes = eu.pipeline();
      for (let i = 0; i < 3_000; i += 1) writes.set(`junk:${i}`, 'x'.repeat(20_000), 'EX', 600);
      await writes.exec();
    };
    const given = async (): Promise<void> => {
      await memory('1gb');
      await eu.config('RESETSTAT');
    };
    /** What was broken, and what does as its mend says; without it the mend is a command of Redis. */
    const breaks: readonly [string, () => Promise<unknown>, [RegExp, () => Promise<unknown>]?][] = [
      ['redis-no-limit', () => memory(0), [/^config set maxmemory/, () => memory('1gb')]],
      ['redis-policy', () => eu.config('SET', 'maxmemory-policy', 'allkeys-lru')],
      ['redis-policy', () => eu.config('SET', 'maxmemory-policy', 'volatile-ttl')],
      [
        'redis-full',
        async () => {
          await junk();
          await memory(Math.ceil((await usedBytes()) * 1.07));
        },
        [/^give it more memory/, given],
      ],
      [
        'redis-evicts',
        async () => {
          await memory(Math.ceil((await usedBytes()) * 0.98));
          // It evicts in the background.
          await vi.waitFor(async () => expect(await eu.info('stats')).toMatch(/^evicted_keys:[1-9]/m), WAIT);
          await memory('1gb');
        },
        [/^give it more memory.*; then config resetstat/, given],
      ],
      [
        'nats-discard',
        set({ discard: DiscardPolicy.New }),
        [/^set discard: old/, set({ discard: DiscardPolicy.Old })],
      ],
      [
        'nats-short',
        set({ max_age: nanos(30 * 60_000) }),
        [/^raise max_age/, set({ max_age: nanos(24 * 3_600_000) })],
      ],
    ];
    try {
      await memory('1gb');
      const before = named(await diagnose());
      for (const [code, breakIt, [says, does] = [/^config set/, null]] of breaks) {
        await breakIt();
        const found = await vi.waitFor(async () => {
          const now = await diagnose();
          expect(named(now)).toEqual([...before, `${code} eu`].toSorted());
          return now;
        }, RARELY);
        const { mend } = found.find((each) => each.code === code && each.region === 'eu')!;
        expect(mend).toMatch(says);
        if (does) await does();
        else await eu.call('config', shellWords(mend).slice(1));
        await vi.waitFor(async () => expect(named(await diagnose()), code).toEqual(before), RARELY);
      }
    } finally {
      eu.disconnect();
      await nats.close();
    }
  });

  it('triggers of a tracked table', async () => {
    const { rows } = await regions.admin.query<{ tgname: string }>(
      `select tgname from pg_trigger where tgrelid = 'items'::regclass order by tgname`,
    );
    const [dead, insert] = rows.map(({ tgname }) => tgname);
    for (const [code, statement] of [
      ['trigger-disabled', `alter table items disable trigger ${insert!}`],
      ['trigger-missing', `drop trigger ${dead!} on items`],
      ['trigger-partial', `alter table items enable trigger ${insert!}`],
    ] as const) {
      await regions.admin.query(statement);
      expect(await findings()).toEqual({ code: 1, found: [`${code} mesh`] });
      await runMend((await diagnose()).find((each) => each.code === code)!.mend);
      await clean();
    }
  });

  it('dead letters', async () => {
    await regions.admin.query(
      `insert into tidemark.versions values ('Item:5', nextval('tidemark.version_seq'), pg_current_xact_id(), now(), false)`,
    );
    const letters = IDS.map((id) => `dead-letters ${id}`);
    await vi.waitFor(
      async () => expect((await findings()).found).toEqual(expect.arrayContaining(letters)),
      RARELY,
    );
    const { mend } = (await diagnose()).find(({ code }) => code === 'dead-letters')!;
    expect(mend).toContain('tidemark dead-letters replay');
    const replay = ['dead-letters', 'replay', 'Item:5', '--as', 'item:5', '--yes'];
    expect((await run(...replay, ...regions.place)).code).toBe(0);
    await clean();
  });

  /** Regions of the same mesh, whose files have mistakes; `where` is in them. */
  async function misled(
    mistake: (id: Id) => Partial<RegionEndpoints>,
    work: (dir: string) => Promise<void>,
  ): Promise<void> {
    const dir = await makeTempDir('misled');
    const wrong = IDS.map((id) => [id, { ...regions.endpoints[id], ...mistake(id) }] as const);
    await writeRegionFiles(dir, Object.fromEntries(wrong));
    try {
      await work(dir);
    } finally {
      await removeTempDir(dir);
    }
  }
  const withLogin = (url: string, username: string, password: string): string =>
    Object.assign(new URL(url), { username, password }).href;

  it('addresses and logins', async () => {
    const { eu, us } = regions.endpoints;
    await misled(
      (id) => (id === 'eu' ? { redis: us.redis } : {}),
      async (dir) => expect(named(await diagnose(dir))).toContain('redis-shared eu'),
    );
    await misled(
      (id) => (id === 'eu' ? { redis: withLogin(eu.redis, 'watcher', 'secret') } : {}),
      async (dir) => {
        const redis = new Redis(regions.redis.eu.url);
        await redis.call('acl', 'setuser', 'watcher', 'on', '>secret', '~*', '&*', '+@all', '-info');
        const found = await diagnose(dir);
        expect(named(found)).toContain('redis-forbidden eu');
        expect(found.find(({ code }) => code === 'redis-forbidden')!.mend).toBe('allow +info for it');
        await redis.call('acl', 'setuser', 'watcher', '+info');
        expect(named(await diagnose(dir))).not.toContain('redis-forbidden eu');
        redis.disconnect();
      },
    );
    await clean();
  });

  it('the schema of the source, and who may use it', async () => {
    const mends = async (code: string, dir: string, does: (mend: string) => Promise<void>): Promise<void> => {
      const found = (await diagnose(dir)).filter((each) => each.code === code);
      expect(named(found)).toEqual(IDS.map((id) => `${code} ${id}`).toSorted());
      await does(found[0]!.mend);
      expect(named((await diagnose(dir)).filter((each) => each.code === code))).toEqual([]);
    };
    await regions.admin.query('create database bare');
    const bare = Object.assign(new URL(regions.url), { pathname: '/bare' }).href;
    await misled(
      () => ({ postgres: bare }),
      (dir) => mends('source-schema', dir, (mend) => runMend(mend, dir)),
    );
    await regions.admin.query(`create role clerk login password 'secret'`);
    await misled(
      () => ({ postgres: withLogin(regions.url, 'clerk', 'secret') }),
      (dir) => mends('source-forbidden', dir, (mend) => runMend(mend.replace('ROLE', 'clerk'))),
    );
    await clean();
  });
});

it('a region whose processes are gone follows nobody, and is behind by what is written', async () => {
  await regions.stop('ap');
  await regions.write(1, 'two');
  await vi.waitFor(async () => {
    const { code, data } = await json<Pick<MeshView, 'pairs'>>('lag');
    const pair = data.pairs.find(({ from, to }) => from === 'us' && to === 'ap')!;
    expect([code, pair]).toMatchObject([3, { following: false, messages: expect.any(Number) }]);
    expect(pair.messages).toBeGreaterThan(0);
    expect(pair.behindMs).toBeGreaterThan(0);
  }, WAIT);
  const { data } = await json<MeshView>('status');
  expect(data.regions.find(({ region }) => region === 'ap')).toMatchObject({
    redis: { applier: null },
    backlog: { changes: 1 },
  });
  expect((await findings()).found).toEqual(
    expect.arrayContaining(['no-applier ap', 'not-followed ap', 'unproven ap']),
  );
  expect(await regions.members.us.node.get(items, { id: 1 })).toMatchObject({ value: 'two' });
  const { mend } = (await diagnose()).find(({ code: name }) => name === 'no-applier')!;
  expect(mend).toContain('tidemark agent --region');
  startAgent('ap', { relay: false });
  await clean();
});

it('a region that is cut off is named with the reason, and the others are shown', async () => {
  regions.cut('eu');
  try {
    const { code, data } = await json<MeshView>('status', '--timeout', '400ms');
    expect(code).toBe(3);
    const [us, , eu] = data.regions;
    expect(eu).toMatchObject({
      region: 'eu',
      redis: { reachable: false, code: 'E_STORE_UNAVAILABLE' },
      nats: { reachable: false },
      postgres: { reachable: true },
    });
    expect(us).toMatchObject({ region: 'us', redis: { reachable: true }, deadLetters: 0 });
    expect(data.troubles.filter(({ region }) => region === 'eu').map(({ code: name }) => name)).toEqual([
      'unreachable',
      'unreachable',
    ]);
    const lag = await json<Pick<MeshView, 'pairs'>>('lag', '--timeout', '400ms');
    expect(lag.code).toBe(3);
    for (const { from, following } of lag.data.pairs) if (from === 'eu') expect(following).toBeNull();
    const doctor = await run('doctor', ...regions.place, '--timeout', '400ms');
    expect([doctor.code, doctor.out]).toEqual([1, expect.stringContaining('unreachable eu: Redis at')]);
  } finally {
    regions.heal('eu');
  }
  await clean();
});

it('nobody relays, and a store is new: an agent mends both', async () => {
  await regions.stop('us');
  const us = new Redis(regions.redis.us.url);
  await us.flushall();
  us.disconnect();
  await vi.waitFor(
    async () =>
      expect((await findings()).found).toEqual(
        expect.arrayContaining(['empty-store us', 'no-applier us', 'no-relay mesh']),
      ),
    RARELY,
  );
  for (const { code, mend } of await diagnose())
    if (code === 'empty-store' || code === 'no-relay')
      expect(mend).toMatch(/applier in the region|tidemark agent/);
  startAgent('us', { relay: true });
  await clean();
});

it.each([
  [['status', '--region', 'nowhere'], 'E_REGION_UNKNOWN'],
  [['lag', '--timeout', '0'], 'E_CONFIGURATION'],
  [['doctor', '--colour'], 'E_USAGE'],
  [['status', '--namespace', 'a:b'], 'E_CONFIGURATION'],
])('bad input, %j: %s', async (args, code) => {
  const { code: exit, out, err } = await run(...args, ...regions.place, '--json');
  expect([exit, out, JSON.parse(err)]).toEqual([2, '', { error: { code, message: expect.any(String) } }]);
});
