import { group, keyspace, memberPrefix, pointerKey } from '@tidemark/core';
import { askNodes, type KeyTimeline, type KeyView, openMesh } from '@tidemark/inspect';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from './run.ts';
import { type Id, IDS, items, ThreeRegions, WAIT } from './three-regions.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });
const TRACE = '0af7651916cd43dd8448eb211c80319c';
let regions: ThreeRegions;
beforeAll(async () => {
  regions = await ThreeRegions.start({
    telemetry: {
      trace: (_name, _attributes, _carrier, work) => work({ set() {}, end() {} }),
      inject: () => ({ traceparent: `00-${TRACE}-b7ad6b7169203331-01` }),
      record() {},
    },
  });
});
afterAll(() => regions.close());

async function json<T>(...args: string[]): Promise<{ code: number; data: T }> {
  const { code, out, err } = await run(...args, ...regions.place, '--json');
  expect(err).toBe('');
  return { code, data: JSON.parse(out) as T };
}

function storeOf(view: KeyView, id: Id) {
  const found = view.regions.find(({ region }) => region === id);
  if (!found?.reachable) throw new Error(`${id} is unreachable`);
  return found;
}

/** Cached in `us` at its newest version, and invalidated in the others. */
async function writtenTwice(id: number): Promise<void> {
  await regions.write(id, 'one');
  await regions.settled(id);
  for (const { node } of Object.values(regions.members)) await node.get(items, { id });
  await regions.write(id, 'two');
  await regions.settled(id);
  await regions.members.us.node.get(items, { id });
}

describe('inspect', () => {
  it('shows what each store has, and who would be served', async () => {
    await writtenTwice(1);
    const { code, data } = await json<KeyView>('inspect', 'item:1', '--value', '--bound', '1h');
    expect(code).toBe(0);
    const { versions } = await regions.members.us.source.labels(['item:1']);
    expect(data.source).toMatchObject({ reachable: true, row: { version: versions[0], deleted: false } });
    const us = storeOf(data, 'us');
    expect(us).toMatchObject({
      tidemark: versions[0],
      value: { version: versions[0], schema: 1 },
      fill: 'admitted',
    });
    expect(Buffer.from(us.data!, 'base64').toString()).toContain('two');
    expect(us.boundMs).not.toBeNull();
    for (const level of ['eventual', 'bounded', 'session', 'latest'] as const)
      expect([level, us.serves[level]]).toEqual([
        level,
        expect.objectContaining({ served: true, why: 'fresh' }),
      ]);
    expect(us.retained.map(({ version }) => version.n)).toEqual([versions[0]!.n, expect.any(Number)]);
    const eu = storeOf(data, 'eu');
    expect(eu).toMatchObject({
      tidemark: versions[0],
      verdict: 'absent',
      serves: { eventual: { served: false } },
    });
    const l1 = (id: Id) => data.l1!.find(({ region }) => region === id);
    expect(l1('us')).toMatchObject({ nodes: [{ held: true, version: versions[0], served: true }] });
    expect(l1('eu')).toMatchObject({ nodes: [{ held: false, served: false }] });
    const text = await run('get', 'item:1', ...regions.place, '--region', 'us', 'eu');
    expect(text.out).toMatch(/us\n {2}record +tidemark 1\.\d+, .*\n {2}value +1\.\d+, /);
    expect(text.out).toMatch(/eventual +loaded from the source: there is no value/);
    expect(text.out).toMatch(/L1 \S+ +1\.\d+, taken .* ago, fresh for .*: served\n/);
    expect(text.out).toMatch(/L1 \S+ +nothing$/m);
    expect(text.out).not.toContain('\u001B');
    expect(text.out).not.toMatch(/^ap/m);
  });

  it('says what a lease, a tight bound and a flush do to a key', async () => {
    await writtenTwice(2);
    const { store } = regions.members.eu;
    await store.lease('item:2', 'somebody', 60_000);
    expect(storeOf((await json<KeyView>('inspect', 'item:2')).data, 'eu').redis.lease).toMatchObject({
      holder: 'somebody',
    });
    const tight = storeOf((await json<KeyView>('inspect', 'item:2', '--bound', '1ms')).data, 'us').serves;
    expect([tight.eventual.served, tight.bounded]).toEqual([
      true,
      expect.objectContaining({ served: false, why: 'unproven', ms: 1 }),
    ]);
    const { horizon } = (await regions.members.us.store.read([])).meta!;
    await regions.members.us.store.raiseEpoch(horizon);
    expect(storeOf((await json<KeyView>('inspect', 'item:2')).data, 'us')).toMatchObject({
      verdict: 'void',
      meta: { epoch: 1 },
    });
  });

  it('shows what an older release reads beside a newer one’s value', async () => {
    const release = (schemaVersion: number) =>
      keyspace({ name: 'shape', params: { id: 'int' }, schemaVersion, load: async () => schemaVersion });
    const [older, newer] = [release(1), release(2)];
    const joined = await Promise.all([older, newer].map((each) => regions.join('us', { keyspaces: [each] })));
    const [at1, at2] = joined.map(({ node }) => node);
    expect([await at1!.get(older, { id: 1 }), await at2!.get(newer, { id: 1 })]).toEqual([1, 2]);
    const { value, tidemark, redis } = storeOf(
      (await json<KeyView>('inspect', 'shape:1', '--region', 'us')).data,
      'us',
    );
    expect(value?.schema).toBe(2);
    expect(redis.beside).toEqual({ schema: 1, version: tidemark, leftMs: expect.any(Number) });
    const { out } = await run('inspect', 'shape:1', ...regions.place, '--region', 'us');
    expect(out).toMatch(/beside +\d+\.\d+, schema 1, for /);
    for (const { close } of joined) await close();
  });

  it('says of which generation a member of a group is, and which one its pointer names', async () => {
    const prices = group<{ readonly sku: 'int' }, number>({ name: 'price', params: { sku: 'int' } });
    const { node, store, close } = await regions.join('us', { keyspaces: [], groups: [prices] });
    const staged = (price: number) => node.stage(prices, [[{ sku: 7 }, price]]);
    const first = await staged(10);
    await node.swap(prices, first);
    expect(await (await node.view(prices)).get({ sku: 7 })).toBe(10);
    const second = await staged(20);
    await node.swap(prices, second);
    const generationIn = async (key: string): Promise<string | null | undefined> =>
      storeOf((await json<KeyView>('inspect', key, '--region', 'us')).data, 'us').value?.generation;
    const member = (generation: string): string => `${memberPrefix('price', generation)}:7`;
    // The view of the new one has its pointer and its members cached; those of the old one stay.
    const keys = [pointerKey('price'), member(second), member(first)];
    await vi.waitFor(async () => {
      expect(await (await node.view(prices)).get({ sku: 7 })).toBe(20);
      const { records } = await store.read(keys);
      expect(records.map((record) => record?.value !== null && record?.value !== undefined)).toEqual([
        true,
        true,
        true,
      ]);
      expect(JSON.parse(Buffer.from(records[0]!.value!.data!).toString())).toMatchObject({
        generation: second,
      });
    }, WAIT);
    const shown: (string | null | undefined)[] = [];
    for (const key of keys) shown.push(await generationIn(key));
    expect(shown).toEqual([second, second, first]);
    const { out } = await run('inspect', pointerKey('price'), ...regions.place, '--region', 'us');
    expect(out).toMatch(new RegExp(`us\\n {2}record .*\\n {2}value +1\\.\\d+, .* of generation ${second}, `));
    await close();
  });
});

describe('hostile keys', () => {
  const searches = keyspace({
    name: 'search',
    params: { site: 'string', words: 'digest' },
    load: async ({ site }) => site,
  });

  it.each([
    ['of separators, escapes and braces', 'a:b%3A{c}*? [x]', 'x'],
    ['of other scripts', 'ümläut 東京 🌊', '🌊'],
    ['with a megabyte of text under a digest', 'shop', 'lorem ipsum '.repeat(90_000)],
    ['with nothing in it', '', ''],
  ])('%s can be read, listed and inspected by their key', async (_, site, words) => {
    const { node, store, close } = await regions.join('us', { keyspaces: [searches] });
    const key = searches.key({ site, words });
    expect(key.length).toBeLessThan(200);
    await vi.waitFor(async () => {
      await node.get(searches, { site, words });
      expect((await store.read([key])).records[0]?.value).toBeTruthy();
    });
    const listed: string[] = [];
    for await (const page of store.keys()) listed.push(...page);
    expect(listed).toContain(key);
    const { code, data } = await json<KeyView>('inspect', key, '--value', '--region', 'us');
    expect(code).toBe(0);
    expect(data.key).toBe(key);
    const us = storeOf(data, 'us');
    expect(JSON.parse(Buffer.from(us.data!, 'base64').toString())).toBe(site);
    expect(us.serves.eventual).toMatchObject({ served: true });
    await close();
  });
});

describe('trace', () => {
  it('tells the story of a key across regions, oldest first, with the trace of its writer', async () => {
    await writtenTwice(4);
    const { versions } = await regions.members.us.source.labels(['item:4']);
    const { code, data } = await json<KeyTimeline>('trace', 'item:4', '--since', '10m');
    expect(code).toBe(0);
    expect(data.newest).toEqual(versions[0]);
    expect(data.events.map(({ atMs }) => atMs)).toEqual(
      data.events.map(({ atMs }) => atMs).toSorted((a, b) => a - b),
    );
    const bumps = data.events.filter(({ type }) => type === 'bumped');
    expect(bumps.length).toBe(2);
    expect(bumps[1]).toMatchObject({ region: 'us', version: versions[0], trace: { traceId: TRACE } });
    expect(data.events).toContainEqual(
      expect.objectContaining({ type: 'written', region: null, version: versions[0] }),
    );
    expect(data.events).toContainEqual(
      expect.objectContaining({ type: 'cached', region: 'us', version: versions[0] }),
    );
    expect(data.events.filter(({ type }) => type === 'relayed').length).toBeGreaterThanOrEqual(2);
    expect(data.regions.map(({ region }) => region).toSorted()).toEqual(IDS.toSorted());
    for (const each of data.regions) expect(each).toMatchObject({ knowsNewest: true });
    const { out } = await run('trace', 'item:4', ...regions.place);
    expect(out).toMatch(new RegExp(`us +1\\.${versions[0]!.n} +told by its writer #\\d+ trace ${TRACE}`));
  });
});

it('of a region that is cut off says so in time, and shows the others', async () => {
  await writtenTwice(3);
  regions.cut('ap');
  try {
    const { code, data } = await json<KeyView>('inspect', 'item:3', '--timeout', '2s');
    expect(code).toBe(3);
    expect(data.regions.find(({ region }) => region === 'ap')).toMatchObject({
      reachable: false,
      code: 'E_STORE_UNAVAILABLE',
    });
    expect(data.l1!.map(({ reachable }) => reachable)).toEqual([true, false, true]);
    expect(storeOf(data, 'us').value).not.toBeNull();
    const { code: traced, data: timeline } = await json<KeyTimeline>('trace', 'item:3', '--timeout', '500ms');
    expect(traced).toBe(3);
    expect(timeline.streams.find(({ region }) => region === 'ap')).toMatchObject({
      reachable: false,
      code: 'E_BUS_UNAVAILABLE',
    });
    expect(timeline.events.some(({ type }) => type === 'bumped')).toBe(true);
  } finally {
    regions.heal('ap');
  }
});

describe('bad input', () => {
  it.each([
    [['inspect', 'no key'], 'E_KEY'],
    [['inspect', 'item'], 'E_KEY'],
    [['inspect', 'item:1', '--bound', 'soon'], 'E_CONFIGURATION'],
    [['inspect', 'item:1', '--region', 'nowhere'], 'E_REGION_UNKNOWN'],
    [['trace', 'a{b}:1'], 'E_KEY'],
    [['trace', 'item:1', '--messages', '0'], 'E_USAGE'],
    [['trace'], 'E_USAGE'],
  ])('%j: %s', async (args, code) => {
    const { code: exit, out, err } = await run(...args, ...regions.place, '--json');
    expect([exit, out, JSON.parse(err)]).toEqual([2, '', { error: { code, message: expect.any(String) } }]);
  });
});

describe('askNodes', () => {
  it('asks every region over its NATS what its L1s hold, and says when it can not', async () => {
    await writtenTwice(7);
    const { versions } = await regions.members.us.source.labels(['item:7']);
    const mesh = await openMesh({ dir: regions.dir, source: 'shop', answerMs: 1_000 });
    try {
      const ask = (id: Id) => askNodes(mesh, id, { keys: ['item:7'] }, { waitMs: 5_000, expected: 1 });
      const [[us], [eu]] = await Promise.all([ask('us'), ask('eu')]);
      expect(us).toMatchObject({
        region: 'us',
        entries: [{ held: true, version: versions[0], served: true }],
      });
      expect(us!.moments.map(({ type }) => type)).toEqual(expect.arrayContaining(['invalidated', 'cached']));
      expect(eu).toMatchObject({ region: 'eu', entries: [{ held: false, served: false }] });
      expect(eu!.moments.map(({ type }) => type)).toContain('dropped');
      regions.cut('ap');
      await expect(ask('ap')).rejects.toMatchObject({ code: 'E_BUS_UNAVAILABLE' });
    } finally {
      regions.heal('ap');
      await mesh.close();
    }
  });
});
