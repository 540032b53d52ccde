import { createInterface } from 'node:readline';
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { items, Regions } from './regions-harness.ts';

let regions: Regions;

beforeAll(async () => {
  regions = await Regions.start(['us']);
  for (let id = 1; id <= 50; id += 1) await regions.sql(id, `value ${id}`);
});
afterAll(async () => {
  await regions.close();
});

/** Commands that Redis sees on record keys while `work` runs, as MONITOR prints them. */
async function commandsDuring(work: () => Promise<void>): Promise<string[]> {
  const { port } = regions.servers.get('us')!.redis;
  const socket = connect({ port, host: '127.0.0.1' });
  const seen: string[] = [];
  const lines = createInterface(socket);
  const marked = (mark: string): Promise<void> =>
    vi.waitFor(() => expect(seen.some((line) => line.includes(mark))).toBe(true), {
      timeout: 5_000,
      interval: 5,
    });
  lines.on('line', (line) => seen.push(line));
  await once(socket, 'connect');
  socket.write('MONITOR\r\n');
  await vi.waitFor(() => expect(seen).toContain('+OK'));
  const marker = connect({ port, host: '127.0.0.1' });
  marker.write('ECHO begin-mark\r\n');
  await marked('begin-mark');
  await work();
  marker.write('ECHO end-mark\r\n');
  await marked('end-mark');
  socket.destroy();
  marker.destroy();
  return seen.filter((line) => line.includes('{item:')).map((line) => line.replace(/^.*?\] /, ''));
}

it('an L1 hit does no I/O; an L2 hit is one MGET, and so are the L2 hits of one turn', async () => {
  const reader = await regions.node('us', { roles: { relay: false, applier: false }, l1EntriesMax: 1 });
  const filler = await regions.node('us');
  const ids = Array.from({ length: 50 }, (_, i) => i + 1);
  await vi.waitFor(async () => expect((await filler.store.read([])).meta).not.toBeNull());
  await Promise.all(ids.map((id) => filler.node.get(items, { id })));
  await vi.waitFor(
    async () => {
      await reader.node.get(items, { id: 7 });
      expect((await reader.node.read(items, { id: 7 })).tier).toBe('l1');
    },
    { timeout: 10_000 },
  );

  const l1 = await commandsDuring(async () => {
    for (let i = 0; i < 100; i += 1) expect((await reader.node.get(items, { id: 7 }))?.value).toBe('value 7');
  });
  expect(l1).toEqual([]);

  const l2 = await commandsDuring(async () => {
    const result = await reader.node.read(items, { id: 8 });
    expect(result).toMatchObject({ tier: 'l2', value: { value: 'value 8' } });
  });
  expect(l2).toEqual(['"mget" "tidemark:meta" "tidemark:{item:8}"']);

  const many = await commandsDuring(async () => {
    const values = await Promise.all(ids.slice(9, 19).map((id) => reader.node.get(items, { id })));
    expect(values.map((each) => each?.id)).toEqual(ids.slice(9, 19));
  });
  expect(many).toHaveLength(1);
  expect(many[0]).toMatch(/^"mget" "tidemark:meta"( "tidemark:\{item:\d+\}"){10}$/);
});
