import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { StoreUnavailableError } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Exporter,
  exportPeer,
  keyList,
  originOf,
  type Peer,
  startExport,
  storePeer,
  warm,
  workOf,
} from '../src/index.ts';
import { interrupted, type WarmRegions, warmRegions } from './warm-regions.ts';

const COUNT = 300;
const TOKEN = 'a token that is long'.replaceAll(' ', '-');
const OWN = { source: 'test', region: 'eu', token: TOKEN };

let regions: WarmRegions;
let exporter: Exporter;
let peer: Peer;

beforeEach(async () => {
  regions = await warmRegions(COUNT);
  exporter = await exporting(storePeer('us', regions.stores.us));
  peer = exportPeer({ ...OWN, url: exporter.url });
});
afterEach(async () => {
  await exporter.close();
  await regions.close();
});

function exporting(of: Peer): Promise<Exporter> {
  return startExport({ peer: of, region: 'us', source: 'test', token: TOKEN, host: '127.0.0.1', port: 0 });
}

async function ask(path: string, init: RequestInit = {}): Promise<[status: number, text: string]> {
  const response = await fetch(new URL(path, exporter.url), {
    headers: { authorization: `Bearer ${TOKEN}` },
    ...init,
  });
  return [response.status, await response.text()];
}

describe('a region that is exported', () => {
  it('gives the copies, the keys and the hot keys that its store gives', async () => {
    await regions.stores.us.popularity.report('node', [
      { key: 'row:3', reads: 9 },
      { key: 'row:1', reads: 4 },
    ]);
    expect(await peer.hotKeys(1)).toEqual([{ key: 'row:3', reads: 9 }]);
    const { keys } = await keyList({ others: peer.keys(), keyspaces: ['row'] });
    expect(keys.toSorted()).toEqual(Array.from({ length: COUNT }, (_, id) => `row:${id}`).toSorted());
    const asked = ['row:7', 'row:1', 'row:nothing', 'row:2'];
    const [there, here] = [await peer.read(asked), await storePeer('us', regions.stores.us).read(asked)];
    expect(there.without).toEqual(['row:nothing']);
    const plain = ({ blocks }: typeof here) =>
      blocks.flatMap(({ asOf, values }) =>
        values.map((value) => ({
          ...value,
          freshMs: 0, // It passes between the two reads.
          asOf,
          data: Buffer.from(value.data!).toString(),
        })),
      );
    expect(plain(there)).toEqual(plain(here));
    const left = ({ blocks }: typeof here) =>
      blocks.flatMap(({ values }) => values.map(({ freshMs }) => freshMs));
    for (const [i, ms] of left(there).entries()) expect(ms).toBeLessThanOrEqual(left(here)[i]!);
    expect(await peer.readMs()).toBeGreaterThanOrEqual(0);
  });

  it('warms another one, and what changed meanwhile is refused there', async () => {
    const list = await keyList({ others: peer.keys(), keyspaces: ['row'] });
    const racing: Peer = {
      ...peer,
      async read(keys) {
        const copies = await peer.read(keys);
        if (keys.includes('row:5')) await regions.eu.write((tx) => tx.set('row:5', { value: 9 }));
        return copies;
      },
    };
    const report = await warm({
      store: regions.stores.eu,
      work: workOf(list, 100),
      keysKnown: COUNT,
      readsKnown: 0,
      origins: [originOf(racing)],
    });
    expect(report).toMatchObject({
      outcome: 'complete',
      filled: COUNT - 1,
      refused: { 'below-tidemark': 1 },
    });
  });

  it('gives large values in several frames, and nothing when its store is away', async () => {
    await regions.us.write(async (tx) => {
      for (let id = 0; id < 20; id += 1)
        await tx.set(`row:${id}`, { value: id, text: 'x'.repeat(1_000_000) });
    });
    const keys = Array.from({ length: 20 }, (_, id) => `row:${id}`);
    await regions.us.getMany(
      (await import('./warm-regions.ts')).rows,
      keys.map((_, id) => ({ id })),
    );
    const { blocks, without } = await peer.read(keys);
    expect(without).toEqual([]);
    expect(blocks.length).toBeGreaterThan(3);
    await exporter.close();
    exporter = await exporting(
      storePeer(
        'us',
        interrupted(regions.stores.us, async () => {
          throw new StoreUnavailableError('gone');
        }),
      ),
    );
    await expect(exportPeer({ ...OWN, url: exporter.url }).read(keys)).rejects.toMatchObject({
      code: 'E_WARMUP',
      message: expect.stringContaining('503') as string,
    });
  });

  it.each([
    ['another token', { ...OWN, token: `${TOKEN}!` }, 'refuses the token'],
    ['another source', { ...OWN, source: 'other' }, 'exports test, not other'],
    ['the region itself', { ...OWN, region: 'us' }, 'from itself'],
  ])('is not used with %s', async (_, own, message) => {
    await expect(exportPeer({ ...own, url: exporter.url }).read(['row:1'])).rejects.toMatchObject({
      code: 'E_CONFIGURATION',
      message: expect.stringContaining(message) as string,
    });
  });

  it.each([{ token: 'short' }, { token: `${TOKEN}\n` }, { url: 'ftp://host' }, { url: 'host:1' }])(
    '%o is a mistake',
    (wrong) => {
      expect(() => exportPeer({ ...OWN, url: exporter.url, ...wrong })).toThrow(
        expect.objectContaining({ code: 'E_CONFIGURATION' }),
      );
    },
  );

  it('a port that is taken is a mistake', async () => {
    const port = Number(new URL(exporter.url).port);
    await expect(
      startExport({
        peer: storePeer('us', regions.stores.us),
        region: 'us',
        source: 'test',
        token: TOKEN,
        host: '127.0.0.1',
        port,
      }),
    ).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
  });
});

describe('hostile requests', () => {
  it('without the token learn nothing, whatever they ask for', async () => {
    for (const path of ['/v1/about', '/v1/keys', '/v1/hot-keys?limit=1', '/nothing']) {
      for (const headers of [{}, { authorization: TOKEN }, { authorization: `Bearer ${TOKEN}x` }]) {
        expect(await ask(path, { headers: headers as Record<string, string> })).toEqual([
          401,
          'the token is missing or wrong',
        ]);
      }
    }
  });

  it.each<[string, RequestInit, number]>([
    ['/v1/nothing', {}, 404],
    ['/v1/copies', {}, 404],
    ['/v1/keys', { method: 'DELETE' }, 404],
    ['/v1/hot-keys', {}, 400],
    ['/v1/hot-keys?limit=-1', {}, 400],
    ['/v1/copies', { method: 'POST', body: 'no JSON' }, 400],
    ['/v1/copies', { method: 'POST', body: '{"a":1}' }, 400],
    ['/v1/copies', { method: 'POST', body: '["no key {"]' }, 400],
    [
      '/v1/copies',
      { method: 'POST', body: JSON.stringify(Array.from({ length: 1_001 }, () => 'row:1')) },
      400,
    ],
    ['/v1/copies', { method: 'POST', body: 'x'.repeat(4 * 1024 * 1024 + 1) }, 413],
  ])('%s %o is refused with %d', async (path, init, status) => {
    const [said] = await ask(path, init).catch((): [number, string] => [status === 413 ? 413 : 0, 'cut off']);
    expect(said).toBe(status);
    expect((await peer.read(['row:1'])).without).toEqual([]);
  });

  it('too many at a time are asked to come again', async () => {
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    await exporter.close();
    const slow = storePeer('us', regions.stores.us);
    let waiting = 0;
    exporter = await exporting({
      ...slow,
      async readMs() {
        waiting += 1;
        await gate;
        return 1;
      },
    });
    const asked = Array.from({ length: 32 }, () => ask('/v1/about'));
    await expect.poll(() => waiting).toBe(32);
    expect((await ask('/v1/about'))[0]).toBe(503);
    open();
    expect(new Set((await Promise.all(asked)).map(([status]) => status))).toEqual(new Set([200]));
    expect((await ask('/v1/about'))[0]).toBe(200);
  });
});

describe('an answer', () => {
  let server: Server;
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** Answers as an export would, but for its copies. */
  async function answering(body: () => Readable | null, silenceMs = 20_000): Promise<Peer> {
    server = createServer((request, response) => {
      if (request.url === '/v1/about') {
        response.end(JSON.stringify({ format: 1, source: 'test', region: 'us', readMs: 1 }));
        return;
      }
      body()?.pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return exportPeer({ ...OWN, url: `http://127.0.0.1:${port}`, silenceMs });
  }

  it.each<[string, Buffer[], string]>([
    ['that is cut short', [], 'cut short'],
    ['cut within a frame', [Buffer.from([0, 0, 0, 9, 1, 2])], 'cut short'],
    ['with a frame of 2 GB', [Buffer.from([0x80, 0, 0, 0])], 'too long'],
    ['of no blocks', [Buffer.from([0, 0, 0, 1, 0xc0, 0, 0, 0, 0])], 'no export of this release'],
  ])('%s counts for nothing', async (_, chunks, message) => {
    const wrong = await answering(() => Readable.from(chunks));
    await expect(wrong.read(['row:1'])).rejects.toMatchObject({
      code: 'E_WARMUP',
      message: expect.stringContaining(message) as string,
    });
  });

  it('that does not come is not waited for without end', async () => {
    const silent = await answering(() => null, 100);
    await expect(silent.read(['row:1'])).rejects.toMatchObject({
      code: 'E_WARMUP',
      message: expect.stringContaining('said nothing for 100 ms') as string,
    });
  });
});
