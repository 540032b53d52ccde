import { keyspace } from '@tidemark/core';
import { type Proxy, startProxy } from '@tidemark/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { type Item, type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 20_000, interval: 10 };
const SOFT_MS = 100;
const HARD_MS = 600;
/** What a busy machine may add. */
const BUSY_MS = 3_000;
const BREAKER = { failures: 3, resetAfter: 300 };
vi.setConfig({ testTimeout: 60_000 });

const fleeting = keyspace({
  name: 'item',
  params: { id: 'int' },
  ttl: '1ms',
  staleIfError: '1h',
  softTimeout: SOFT_MS,
  hardTimeout: HARD_MS,
  load: ({ id }, { db }) => db.maybeOne<Item>('select id, value from items where id = $1', [id]),
});

let regions: Regions;
/** Between the node and the real Postgres. */
let path: Proxy;
let open: OpenNode;

beforeAll(async () => {
  regions = await Regions.start(['us']);
  for (let id = 1; id <= 30; id += 1) await regions.sql(id, `value ${id}`);
});
beforeEach(async () => {
  path = await startProxy({ target: regions.postgres });
  open = await regions.node(
    'us',
    {
      keyspaces: [fleeting],
      sourceBreaker: BREAKER,
      loadConcurrencyMax: 2,
      loadQueueMax: 3,
      loadTimeout: '5s',
    },
    { postgres: regions.urlOn(path) },
  );
  await vi.waitFor(async () => expect((await open.store.read([])).meta).not.toBeNull(), WAIT);
});
afterEach(async () => {
  path.heal();
  await regions.closeNodes();
  await path.close();
});
afterAll(() => regions.close());

async function timed<T>(
  work: () => Promise<T>,
): Promise<{ ms: number; value: T | null; code: string | null }> {
  const beganMs = performance.now();
  const [value, code] = await work().then(
    (got) => [got, null] as const,
    (error: Error & { code?: string }) => [null, error.code ?? error.message] as const,
  );
  return { ms: performance.now() - beganMs, value, code };
}

it('a Postgres that hangs: what is past its TTL is served after the soft timeout, else the hard one ends it', async () => {
  expect(await open.node.get(fleeting, { id: 1 })).toMatchObject({ value: 'value 1' });
  path.cut('blackhole');
  const known = await timed(() => open.node.read(fleeting, { id: 1 }));
  expect(known.value).toMatchObject({ value: { value: 'value 1' }, why: 'stale-if-error' });
  expect(known.ms).toBeGreaterThanOrEqual(SOFT_MS - 5);
  expect(known.ms).toBeLessThan(HARD_MS + BUSY_MS);
  const unknown = await timed(() => open.node.get(fleeting, { id: 2 }));
  expect(unknown.code).toBe('E_LOAD_TIMEOUT');
  expect(unknown.ms).toBeGreaterThanOrEqual(HARD_MS - 5);
  expect(unknown.ms).toBeLessThan(HARD_MS + BUSY_MS);
});

it('a Postgres that is slow: the old value at once, and the late load fills', async () => {
  await open.node.get(fleeting, { id: 3 });
  const filledAtMs = async () => (await open.store.read(['item:3'])).records[0]?.value?.filledAtMs ?? 0;
  const before = await filledAtMs();
  path.setDelay(SOFT_MS);
  const { value, ms } = await timed(() => open.node.read(fleeting, { id: 3 }));
  expect(value).toMatchObject({ value: { value: 'value 3' }, why: 'stale-if-error' });
  expect(ms).toBeGreaterThanOrEqual(SOFT_MS - 5);
  await vi.waitFor(async () => expect(await filledAtMs()).toBeGreaterThan(before), WAIT);
});

it('a Postgres that is down: asked no more after some failures, then by one probe at a time, and used when it is back', async () => {
  await open.node.get(fleeting, { id: 4 });
  path.cut('reset');
  await vi.waitFor(async () => {
    const { code } = await timed(() => open.node.get(fleeting, { id: 5 }));
    expect(code).toBe('E_CIRCUIT_OPEN');
  }, WAIT);
  // Nobody waits any more, and what is past its TTL is good enough.
  const { ms, value } = await timed(() => open.node.read(fleeting, { id: 4 }));
  expect(value).toMatchObject({ why: 'stale-if-error' });
  expect(ms).toBeLessThan(BUSY_MS);
  path.heal();
  await vi.waitFor(
    async () => expect(await open.node.get(fleeting, { id: 5 })).toMatchObject({ value: 'value 5' }),
    WAIT,
  );
});

it('a Postgres that hangs holds no more loads than allowed: the rest waits, and what is above that is shed at once', async () => {
  path.cut('blackhole');
  const beganMs = performance.now();
  const reads = Array.from({ length: 12 }, (_, i) => timed(() => open.node.get(fleeting, { id: 10 + i })));
  const codes = (await Promise.all(reads)).map(({ code, ms }) => [code, ms] as const);
  const shed = codes.filter(([code]) => code === 'E_OVERLOADED');
  expect(shed.length).toBe(12 - 2 - 3);
  for (const [, ms] of shed) expect(ms).toBeLessThan(HARD_MS + BUSY_MS);
  expect(codes.filter(([code]) => code === 'E_LOAD_TIMEOUT').length).toBe(2 + 3);
  expect(performance.now() - beganMs).toBeLessThan(HARD_MS + 2 * BUSY_MS);
});
