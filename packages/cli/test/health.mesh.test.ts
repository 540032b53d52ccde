import type { Finding, MeshView } from '@tidemark/inspect';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from './run.ts';
import { shellWords } from './shell-words.ts';
import { items, ThreeRegions, WAIT } from './three-regions.ts';

vi.setConfig({ testTimeout: 40_000, hookTimeout: 60_000 });
let regions: ThreeRegions;
beforeAll(async () => {
  regions = await ThreeRegions.start();
  await regions.write(1, 'one');
  await regions.settled(1);
});
afterAll(() => regions.close());

async function json<T>(...args: string[]): Promise<{ code: number; data: T }> {
  const { code, out, err } = await run(...args, ...regions.place, '--json');
  expect(err).toBe('');
  return { code, data: JSON.parse(out) as T };
}

async function findings(): Promise<{ code: number; found: readonly string[] }> {
  const { code, data } = await json<{ findings: readonly Finding[] }>('doctor');
  for (const { mend, text } of data.findings)
    expect([mend, text]).toEqual([expect.any(String), expect.any(String)]);
  const found = data.findings.filter(({ severity }) => severity !== 'note');
  return { code, found: found.map(({ code: name, region }) => `${name} ${region ?? 'mesh'}`).toSorted() };
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

it('doctor finds what was broken, and nothing else; what it says mends it', async () => {
  const eu = new Redis(regions.redis.eu.url);
  const { rows } = await regions.admin.query<{ tgname: string }>(
    `select tgname from pg_trigger where tgrelid = 'items'::regclass order by tgname`,
  );
  const [dead, insert] = rows.map(({ tgname }) => tgname);
  const mended = async (mend: string): Promise<void> => {
    const [program, ...words] = shellWords(mend);
    if (program === 'config') await eu.call('config', words);
    else expect(await run(...words, '--regions', regions.dir)).toMatchObject({ code: 0, err: '' });
  };
  const breaks: readonly [string, () => Promise<unknown>][] = [
    ['redis-policy eu', () => eu.config('SET', 'maxmemory-policy', 'allkeys-lru')],
    ['trigger-disabled mesh', () => regions.admin.query(`alter table items disable trigger ${insert!}`)],
    ['trigger-missing mesh', () => regions.admin.query(`drop trigger ${dead!} on items`)],
    ['trigger-partial mesh', () => regions.admin.query(`alter table items enable trigger ${insert!}`)],
  ];
  for (const [name, breakIt] of breaks) {
    await breakIt();
    expect(await findings()).toEqual({ code: 1, found: [name] });
    const { data } = await json<{ findings: readonly Finding[] }>('doctor');
    await mended(data.findings.find(({ severity }) => severity !== 'note')!.mend);
    // Tracked anew, all is invalidated: nodes hear of it a moment later.
    await vi.waitFor(async () => expect(await findings()).toEqual({ code: 0, found: [] }), WAIT);
  }
  eu.disconnect();
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
