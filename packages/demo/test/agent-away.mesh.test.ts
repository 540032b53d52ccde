import { type Proxy, startProxy } from '@tidemark/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { Agents, cli } from './agent-harness.ts';
import { Regions } from './regions-harness.ts';

const WAIT = { timeout: 60_000, interval: 20 };
/** Every agent and every command is a process that loads all of its sources. */
vi.setConfig({ testTimeout: 180_000 });
const SERVERS = ['nats', 'postgres', 'redis'];

let regions: Regions;
let agents: Agents;
/** The way to each of eu's servers. */
let paths: Readonly<Record<string, Proxy>>;
let inEu: string[];

beforeAll(async () => {
  regions = await Regions.start(['us', 'eu']);
  agents = await Agents.inTempDir();
});
beforeEach(async () => {
  const { redis, nats } = regions.servers.get('eu')!;
  const [toRedis, toNats, toPostgres] = await Promise.all(
    [redis, nats, regions.postgres].map((target) => startProxy({ target })),
  );
  paths = { redis: toRedis!, nats: toNats!, postgres: toPostgres! };
  const eu = regions.addresses('eu');
  inEu = await agents.place('eu', {
    us: regions.addresses('us'),
    eu: {
      ...eu,
      redis: `redis://127.0.0.1:${toRedis!.port}`,
      nats: { ...eu.nats, eu: `nats://127.0.0.1:${toNats!.port}` },
      postgres: regions.urlOn(toPostgres!),
    },
  });
});
afterEach(async () => {
  agents.kill();
  await Promise.all(Object.values(paths).map((path) => path.close()));
});
afterAll(async () => {
  await agents.close();
  await regions.close();
});

it('says which servers it waits for, and begins when they come', async () => {
  for (const path of Object.values(paths)) path.cut();
  const agent = agents.start(...inEu, '--json');
  const named = (type: string): string[] =>
    agent
      .events()
      .filter((event) => event.type === type)
      .map(({ server, region, address }) => [server, region, address].join(' '))
      .toSorted();
  const expected = SERVERS.map((server) => `${server} eu 127.0.0.1:${paths[server]!.port}`);
  await vi.waitFor(() => expect(named('waiting')).toEqual(expected), WAIT);
  for (const { reason } of agent.events())
    expect(reason).toMatch(/REFUSED|RESET|can't be reached|did not do it/);
  expect(agent.events().map(({ type }) => type)).not.toContain('ready');

  for (const path of Object.values(paths)) path.heal();
  await vi.waitFor(() => expect(agent.events().map(({ type }) => type)).toContain('ready'), WAIT);
  await vi.waitFor(() => expect(agent.roles()).toEqual(['applier', 'relay']), WAIT);
  expect(named('waiting')).toEqual(expected);
  expect(named('reached')).toEqual(expected);
  expect(await agent.end('SIGINT')).toBe(0);
});

it('is ready while a peer is away, and says that it waits for it', async () => {
  regions.servers.get('us')!.nats.pause();
  try {
    const agent = await agents.ready(...inEu);
    await vi.waitFor(
      () => expect(agent.events()).toContainEqual(expect.objectContaining({ server: 'nats', region: 'us' })),
      WAIT,
    );
  } finally {
    regions.servers.get('us')!.nats.resume();
  }
});

it('ends when told, also while its servers accept connections and never answer', async () => {
  for (const path of Object.values(paths)) path.cut('blackhole');
  const agent = agents.start(...inEu);
  await vi.waitFor(() => {
    for (const [server, name] of [
      ['redis', 'Redis'],
      ['nats', 'NATS'],
      ['postgres', 'Postgres'],
    ] as const) {
      const line = `waits for ${name} of eu at 127.0.0.1:${paths[server]!.port}: `;
      expect(agent.lines.filter((each) => each.startsWith(line))).toHaveLength(1);
    }
  }, WAIT);
  expect(await agent.end('SIGTERM')).toBe(0);
});

it('says what is wrong with one JSON object when asked for JSON', async () => {
  paths['postgres']!.cut();
  paths['redis']!.cut();
  const { code, out, err } = await cli('dead-letters', 'list', ...inEu, '--json');
  expect([code, out]).toEqual([1, '']);
  expect(JSON.parse(err)).toEqual({
    error: { code: 'E_STORE_UNAVAILABLE', message: expect.stringContaining('Redis') as string },
  });
});

it('rejects a ping interval that is none', async () => {
  const { code, err } = await cli('agent', ...inEu, '--ping-interval', 'often', '--json');
  expect([code, JSON.parse(err)]).toEqual([
    2,
    { error: { code: 'E_CONFIGURATION', message: expect.stringContaining('pingInterval') as string } },
  ]);
});
