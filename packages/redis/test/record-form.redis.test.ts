import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RedisStore } from '../src/index.ts';
import { fillOf, RedisHarness, START, version } from './redis-harness.ts';

const KEY = 'city:1';
const LARGE = Buffer.alloc(100_000, 'x');

let redis: RedisHarness;
let store: RedisStore;
let name: string;

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterAll(() => redis.close());
beforeEach(async () => {
  store = await redis.open({ namespace: redis.namespace(), inlineBytesMax: 1_000 });
  ({ name } = await store.diagnostics.key(KEY));
  await store.initialise('a', START);
});

async function form(): Promise<string> {
  const [facts] = await store.diagnostics.records([KEY]);
  expect(facts!.why === '').toBe(!['foreign', 'corrupt'].includes(facts!.form));
  return facts!.form;
}
async function filled(data: Uint8Array | null): Promise<void> {
  const meta = (await store.read([])).meta!;
  expect(await store.fill(fillOf(meta, { key: KEY, version: version(3), data }))).toBe('admitted');
}

describe('what lies under a record’s name', () => {
  it('is none, or what this library writes: tombstones, values, absences, large values', async () => {
    expect(await form()).toBe('none');
    await store.raise([{ key: KEY, version: version(2) }]);
    expect(await form()).toBe('record');
    for (const data of [Buffer.from('value'), null, LARGE]) {
      await filled(data);
      expect(await form()).toBe('record');
      await store.raise([{ key: KEY, version: version(4) }]);
      expect(await form()).toBe('record');
      await redis.client.del(name);
    }
  });

  it('is foreign: other bytes, other types, a record that never ends', async () => {
    await redis.client.set(name, 'mine');
    expect(await form()).toBe('foreign');
    await redis.client.set(name, '');
    expect(await form()).toBe('foreign');
    await redis.client.del(name);
    await redis.client.hset(name, 'a', 'b');
    expect(await form()).toBe('foreign');
    await redis.client.del(name);
    await filled(Buffer.from('value'));
    await redis.client.persist(name);
    expect(await form()).toBe('foreign');
  });

  it('is corrupt: a tidemark that is no version, numbers that no script writes, another body', async () => {
    await filled(Buffer.from('value'));
    await redis.client.setrange(name, 60, Buffer.from([0xff, 0xff]));
    expect(await form()).toBe('corrupt');
    await redis.client.setrange(name, 4, Buffer.from([0xff]));
    expect(await form()).toBe('corrupt');
    await redis.client.del(name);
    await filled(LARGE);
    const [body] = (await redis.client.keys(`${name}:value:*`)) as [string];
    await redis.client.setrange(body, 4, '!');
    expect(await form()).toBe('corrupt');
    // One that was evicted is a miss.
    await redis.client.del(body);
    expect(await form()).toBe('record');
  });

  it('of a later release is not judged', async () => {
    await filled(Buffer.from('value'));
    await redis.client.setrange(name, 1, Buffer.from([9]));
    expect(await form()).toBe('later');
  });
});
