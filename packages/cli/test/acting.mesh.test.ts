import { group, startNode, tag } from '@tidemark/core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AppliedIn, MeshLetters, MeshView } from '@tidemark/inspect';
import { run } from './run.ts';
import { IDS, items, ThreeRegions, WAIT } from './three-regions.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });
let regions: ThreeRegions;
beforeAll(async () => {
  regions = await ThreeRegions.start();
});
afterAll(() => regions.close());

interface Told {
  readonly invalidations: readonly {
    readonly key: string;
    readonly version: { readonly era: number; readonly n: number };
  }[];
  readonly regions: readonly AppliedIn[];
}

async function json<T>(...args: string[]): Promise<{ code: number; data: T; err: string }> {
  const { code, out, err } = await run(...args, ...regions.place, '--json');
  return { code, err, data: (out === '' ? null : JSON.parse(out)) as T };
}

async function cached(id: number): Promise<void> {
  await regions.write(id, 'one');
  await regions.settled(id);
  for (const { node } of Object.values(regions.members)) await node.get(items, { id });
}

async function versionsOf(key: string): Promise<number[]> {
  const found: number[] = [];
  for (const id of IDS)
    found.push((await regions.members[id].store.read([key])).records[0]?.tidemark.n ?? -1);
  return found;
}

describe('invalidate', () => {
  it('keys: every region has heard of it when the command ends', async () => {
    await cached(1);
    await cached(2);
    const { code, data } = await json<Told>('invalidate', 'item:1', 'item:2', '--yes');
    expect([code, data.invalidations.map(({ key }) => key).toSorted()]).toEqual([0, ['item:1', 'item:2']]);
    expect(data.regions.map(({ applied }) => applied)).toEqual([true, true, true]);
    const { n } = data.invalidations.find(({ key }) => key === 'item:1')!.version;
    expect(await versionsOf('item:1')).toEqual([n, n, n]);
    const { out } = await run('inspect', 'item:1', ...regions.place);
    expect(out.match(/eventual +loaded from the source/g)).toHaveLength(3);
  });

  it('tags and keyspaces', async () => {
    await cached(3);
    const { code, data } = await json<Told>('invalidate', '--tag', 'a sale', '--keyspace', 'item', '--yes');
    expect(code).toBe(0);
    const byKey = Object.fromEntries(data.invalidations.map(({ key, version }) => [key, version.n]));
    expect(Object.keys(byKey).toSorted()).toEqual(['item', tag('a sale')].toSorted());
    for (const id of IDS) {
      const { meta } = await regions.members[id].store.read([]);
      expect(meta!.scopes.get('item')).toBe(byKey['item']);
    }
    const { out } = await run('inspect', 'item:3', ...regions.place);
    expect(
      out.match(/eventual +loaded from the source: the value is of an older era, epoch or scope/g),
    ).toHaveLength(3);
  });

  it('while a region is cut off: the others have it, that one hears of it when it is back', async () => {
    await cached(4);
    regions.cut('ap');
    let n: number;
    try {
      const { code, data } = await json<Told>(
        'invalidate',
        'item:4',
        '--yes',
        '--wait',
        '300ms',
        '--timeout',
        '300ms',
      );
      expect([code, data.regions.filter(({ applied }) => !applied).map(({ region }) => region)]).toEqual([
        3,
        ['ap'],
      ]);
      ({ n } = data.invalidations[0]!.version);
    } finally {
      regions.heal('ap');
    }
    await vi.waitFor(async () => expect(await versionsOf('item:4')).toEqual([n, n, n]), WAIT);
  });
});

describe('rollback', () => {
  it('of a key gives every region its earlier content', async () => {
    await cached(5);
    await regions.write(5, 'a mistake');
    await regions.settled(5);
    await regions.members.us.node.get(items, { id: 5 });
    const { code, data } = await json<Told & { from: object; to: object }>('rollback', 'item:5', '--yes');
    expect([code, data.regions.map(({ applied }) => applied)]).toEqual([0, [true, true, true]]);
    for (const { node } of Object.values(regions.members)) {
      await vi.waitFor(
        async () => expect(await node.get(items, { id: 5 })).toMatchObject({ value: 'one' }),
        WAIT,
      );
    }
    const { out } = await run('trace', 'item:5', ...regions.place);
    expect(out).toMatch(/source +1\.\d+ +rolled back to the content of 1\.\d+/);
    const gone = await json('rollback', 'item:5', '--to', '1.999999', '--yes');
    expect([gone.code, JSON.parse(gone.err)]).toMatchObject([1, { error: { code: 'E_VERSION_GONE' } }]);
  });

  it('of a group makes the generation before current', async () => {
    const prices = group<{ sku: 'int' }, { cents: number }>({ name: 'price', params: { sku: 'int' } });
    const { store, source } = regions.members.us;
    const node = await startNode({ keyspaces: [], groups: [prices], store, source });
    try {
      const first = await node.stage(prices, [[{ sku: 1 }, { cents: 100 }]]);
      await node.swap(prices, first);
      const second = await node.stage(prices, [[{ sku: 1 }, { cents: 999 }]]);
      await node.swap(prices, second);
      const { code, data } = await json<Told & { from: string; to: string }>(
        'rollback',
        '--group',
        'price',
        '--yes',
      );
      expect([code, data.from, data.to]).toEqual([0, second, first]);
      expect(await source.groups!.current('price')).toBe(first);
    } finally {
      await node.close();
    }
    expect(JSON.parse((await json('rollback', '--group', 'none', '--yes')).err)).toMatchObject({
      error: { code: 'E_GROUP_EMPTY' },
    });
  });
});

describe('dead-letters', () => {
  it('show tells whom they hold; replay mends them', async () => {
    await regions.admin.query(
      `insert into tidemark.versions values ('Item:6', nextval('tidemark.version_seq'), pg_current_xact_id(), now(), false)`,
    );
    await vi.waitFor(async () => {
      const { code, data } = await json<MeshLetters>('dead-letters', 'show');
      expect([code, data.letters]).toMatchObject([
        0,
        [{ change: { key: 'Item:6' }, regions: ['ap', 'eu', 'us'] }],
      ]);
    }, WAIT);
    expect((await run('dead-letters', 'show', 'Item:6', ...regions.place)).out).toContain('"Item:6" at 1.');
    const status = (await json<MeshView>('status')).data;
    expect(status.regions.map(({ deadLetters }) => deadLetters)).toEqual([1, 1, 1]);
    expect(status.troubles).toContainEqual(expect.objectContaining({ region: 'eu', code: 'dead-letters' }));
    const { code, data } = await json<Told>('dead-letters', 'replay', 'Item:6', '--as', 'item:6', '--yes');
    expect([code, data.invalidations.map(({ key }) => key)]).toEqual([0, ['item:6']]);
    const { n } = data.invalidations[0]!.version;
    await vi.waitFor(async () => expect(await versionsOf('item:6')).toEqual([n, n, n]), WAIT);
    expect((await run('dead-letters', 'show', ...regions.place)).out).toBe('no dead letters\n');
  });

  it('show goes on while a region is cut off', async () => {
    regions.cut('eu');
    try {
      const { code, data } = await json<MeshLetters>('dead-letters', 'show', '--timeout', '300ms');
      expect([code, data.regions.find(({ region }) => region === 'eu')]).toMatchObject([
        3,
        { reachable: false },
      ]);
    } finally {
      regions.heal('eu');
    }
  });
});

it.each([
  [['invalidate'], 'E_USAGE'],
  [['invalidate', 'item:1'], 'E_USAGE'], // Nobody can be asked.
  [['invalidate', 'item', '--yes'], 'E_KEY'],
  [['invalidate', '--keyspace', 'No', '--yes'], 'E_CONFIGURATION'],
  [['invalidate', '--tag', '', '--yes'], 'E_KEY'],
  [['invalidate', 'item:1', '--yes', '--wait', 'x'], 'E_CONFIGURATION'],
  [['rollback', '--yes'], 'E_USAGE'],
  [['rollback', 'item:1', '--group', 'a', '--yes'], 'E_USAGE'],
  [['rollback', 'item:1', '--to', 'one', '--yes'], 'E_CONFIGURATION'],
  [['rollback', 'item:1', '--in', 'nowhere', '--yes'], 'E_REGION_UNKNOWN'],
  [['rollback', '--group', 'No', '--yes'], 'E_KEY'],
  [['dead-letters', 'replay', 'x', '--as', 'item:1', '--yes'], 'E_CONFIGURATION'],
  [['dead-letters', 'replay', 'Item:1', '--yes'], 'E_KEY'],
])('bad input, %j: %s', async (args, code) => {
  const { code: exit, data, err } = await json(...args);
  expect([exit, data, JSON.parse(err)]).toEqual([2, null, { error: { code, message: expect.any(String) } }]);
});
