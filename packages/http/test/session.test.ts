import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  keyspace,
  type LoadContext,
  type Session,
  startNode,
  systemRuntime,
  type TidemarkNode,
} from '@tidemark/core';
import { type MemoryDb, memoryMesh, memorySource, memoryStore, type MemoryTx } from '@tidemark/memory';
import { fastify } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tidemarkSession } from '../src/fastify.ts';
import { httpSession, SESSION_HEADER } from '../src/index.ts';

const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  load: ({ id }, { db }: LoadContext<MemoryDb>) => db.get<number>(`row:${id}`),
});

type Node = TidemarkNode<MemoryTx>;
const bad: unknown[] = [];
let mesh: ReturnType<typeof memoryMesh>;
let close: (() => Promise<unknown>)[];

beforeEach(async () => {
  bad.length = 0;
  close = [];
});
afterEach(async () => {
  for (const each of close.splice(0).reverse()) await each();
});

/** A service: GET reads the row, PUT sets it. */
async function withHttp(node: Node): Promise<string> {
  const server: Server = createServer((request, response) => {
    const session = httpSession(node, request, response, { onBadToken: (error) => void bad.push(error) });
    void answer(node, session, request.method ?? '', request.url ?? '').then((text) => response.end(text));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close.push(async () => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function withFastify(node: Node): Promise<string> {
  const app = fastify();
  await app.register(tidemarkSession, { node, onBadToken: (error: unknown) => void bad.push(error) });
  app.all('/*', async (request) => answer(node, request.tidemarkSession, request.method, request.url));
  await app.listen({ port: 0, host: '127.0.0.1' });
  close.push(() => app.close());
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

async function answer(node: Node, session: Session, method: string, url: string): Promise<string> {
  if (url === '/none') return 'nothing';
  if (method === 'PUT') await node.write((tx) => tx.set('row:1', Number(url.slice(1))), { session });
  return String(await node.get(rows, { id: 1 }, { consistency: session }));
}

async function ask(
  method: string,
  url: string,
  token?: string,
): Promise<{ text: string; token: string | null }> {
  const response = await fetch(url, {
    method,
    ...(token !== undefined && { headers: { [SESSION_HEADER]: token } }),
  });
  expect(response.status).toBe(200);
  return { text: await response.text(), token: response.headers.get(SESSION_HEADER) };
}

it('a node without secrets is refused before its first request', async () => {
  const node = await startNode({ keyspaces: [rows] });
  close.push(() => node.close());
  const refused = { code: 'E_CONFIGURATION', message: expect.stringContaining('sessionSecrets') as string };
  expect(() => httpSession(node, {} as IncomingMessage, {} as ServerResponse)).toThrow(
    expect.objectContaining(refused),
  );
  const app = fastify();
  await expect(app.register(tidemarkSession, { node })).rejects.toMatchObject(refused);
});

describe.each([
  ['http', withHttp],
  ['fastify', withFastify],
])('sessions over %s', (_, serve) => {
  let us: string;
  let eu: string;

  beforeEach(async () => {
    mesh = memoryMesh({ runtime: systemRuntime, regions: ['us', 'eu'] });
    const source = memorySource();
    close.push(() => source.close());
    const start = async (id: string): Promise<string> => {
      const bus = mesh.bus(id);
      const store = memoryStore({ runtime: systemRuntime });
      const node = await startNode({
        keyspaces: [rows],
        store,
        bus,
        source,
        pingInterval: 50,
        roles: { relay: id === 'eu', applier: true },
        sessionSecrets: ['a secret of these tests'],
      });
      close.push(async () => Promise.all([node.close(), bus.close()]));
      await node.write((tx) => tx.set('row:1', 1));
      await vi.waitFor(async () => expect((await node.read(rows, { id: 1 })).tier).toBe('l1'), {
        timeout: 10_000,
        interval: 5,
      });
      return serve(node);
    };
    us = await start('us');
    eu = await start('eu');
  });

  it('a client reads what it wrote, in a region that is cut off', async () => {
    await vi.waitFor(async () => expect((await ask('GET', `${us}/`)).text).toBe('1'));
    mesh.cut('us');
    const { token } = await ask('PUT', `${eu}/2`);
    expect(token).not.toBeNull();
    const read = await ask('GET', `${us}/`, token!);
    expect(read.text).toBe('2');
    expect((await ask('GET', `${us}/`, read.token!)).text).toBe('2');
  });

  it('says nothing while there is nothing to say', async () => {
    expect((await ask('GET', `${us}/none`)).token).toBeNull();
  });

  it('takes no harm from what a client sends', async () => {
    for (const token of ['forged', '%%%', 'x'.repeat(5_000), '']) {
      const { text } = await ask('GET', `${us}/`, token);
      expect(text).toBe('1');
    }
    expect(bad.map((error) => (error as { code: string }).code)).toEqual(Array(3).fill('E_SESSION_TOKEN'));
  });
});
