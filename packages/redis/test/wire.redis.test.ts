import { SCOPES_MAX } from '@tidemark/core';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RedisStore } from '../src/index.ts';
import { lifeOf, readMeta } from '../src/meta-text.ts';
import { fillOf, RedisHarness, START, version } from './redis-harness.ts';

let redis: RedisHarness;
let store: RedisStore;
let namespace: string;

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterAll(() => redis.close());
beforeEach(async () => {
  namespace = redis.namespace();
  store = await redis.open({ namespace });
});

describe('on the wire', () => {
  let monitor: Redis;
  let marks = 0;
  let seen: { readonly command: string[]; readonly source: string }[];

  beforeEach(async () => {
    seen = [];
    monitor = await redis.client.monitor();
    monitor.on(
      'monitor',
      (_time: string, command: string[], source: string) => void seen.push({ command, source }),
    );
    return () => monitor.disconnect();
  });

  /** Resolves when the monitor has shown all that came before; answers how much that was. */
  async function shown(): Promise<number> {
    const text = `mark ${(marks += 1)}`;
    await redis.client.echo(text);
    const isMark = ({ command }: { command: string[] }): boolean => command[1] === text;
    await vi.waitFor(() => expect(seen.some(isMark)).toBe(true), { interval: 2 });
    return seen.findIndex(isMark);
  }

  /** Names of the commands that `work` sent, without those that scripts ran. */
  async function sentBy(work: () => Promise<unknown>): Promise<string[]> {
    const from = await shown();
    await work();
    const sent = seen.slice(from + 1, await shown());
    return sent.filter(({ source }) => source !== 'lua').map(({ command }) => command[0]!.toLowerCase());
  }

  it('a read is one MGET, whatever the number of keys', async () => {
    await store.initialise('life', START);
    const many = Array.from({ length: 300 }, (_, n) => `city:${n}`);
    expect(await sentBy(() => store.read([]))).toEqual(['mget']);
    expect(await sentBy(() => store.read(['city:1']))).toEqual(['mget']);
    expect(await sentBy(() => store.read(many))).toEqual(['mget']);
    expect(seen.findLast(({ command }) => command[0]?.toLowerCase() === 'mget')?.command.slice(0, 3)).toEqual(
      ['mget', `${namespace}:meta`, `${namespace}:{city:0}`],
    );
  });

  it('every change is one script call once the scripts are known', async () => {
    const meta = await store.initialise('life', START);
    const changes: (() => Promise<unknown>)[] = [
      () => store.raise([{ key: 'city:1', version: version(1) }]),
      () => store.fill(fillOf(meta)),
      () => store.lease('city:1', 'token', 1_000),
      () => store.release('city:1', 'token'),
      () => store.apply({ invalidations: [], expect: null, mark: 'm', advance: { from: START, to: START } }),
      () => store.raiseEpoch(START),
    ];
    for (const change of changes) await change();
    for (const change of changes) expect(await sentBy(change)).toEqual(['evalsha']);
  });

  it('keys are listed by SCAN, in pages', async () => {
    const meta = await store.initialise('life', START);
    await store.fill(fillOf(meta));
    const sent = await sentBy(async () => {
      for await (const page of store.keys()) expect(page).toEqual(['city:1']);
    });
    expect(new Set(sent)).toEqual(new Set(['scan']));
  });
});

describe('bytes in Redis', () => {
  it('a record is laid out as documented', async () => {
    await store.initialise('life', START);
    await store.raise([{ key: 'city', version: version(4) }]);
    const { meta } = await store.read([]);
    const n = 2 ** 53 - 1;
    const changes = { version: version(n, 2 ** 40), scope: 4, schema: 7, freshMs: 2 ** 33, staleMs: 1.5 };
    await store.fill(fillOf(meta!, changes));
    const bytes = (await redis.client.getBuffer(`${namespace}:{city:1}`))!;
    const [seconds] = await redis.client.time();
    expect([...bytes.subarray(0, 4)]).toEqual([0xd4, 1, 1, 0]);
    const doubles = [4, 12, 20, 28, 36, 44, 60, 68, 76].map((at) => bytes.readDoubleBE(at));
    expect(doubles).toEqual([2 ** 40, n, 2 ** 40, n, 4, 0, 2 ** 33, 1.5, 7]);
    expect(Math.abs(bytes.readDoubleBE(52) - Number(seconds) * 1_000)).toBeLessThan(10_000);
    expect(bytes.readUInt32BE(84)).toBe(lifeOf('life'));
    expect(bytes.subarray(88).toString()).toBe('value');
    expect(await redis.client.pttl(`${namespace}:{city:1}`)).toBeGreaterThan(2 ** 33 - 60_000);
  });

  it('a tombstone is 20 bytes and lives for its TTL; a raise never shortens a life', async () => {
    const short = await redis.open({ namespace, tombstoneTtlMs: 100_000 });
    const meta = await short.initialise('life', START);
    await short.raise([{ key: 'city:1', version: version(4) }]);
    expect(await redis.client.strlen(`${namespace}:{city:1}`)).toBe(20);
    expect(await redis.client.pttl(`${namespace}:{city:1}`)).toBeGreaterThan(90_000);
    await redis.client.pexpire(`${namespace}:{city:1}`, 1_000);
    await short.raise([{ key: 'city:1', version: version(3) }]);
    expect(await redis.client.pttl(`${namespace}:{city:1}`)).toBeGreaterThan(90_000);
    await short.fill(fillOf(meta, { version: version(4), freshMs: 500_000, staleMs: 500_000 }));
    await short.raise([{ key: 'city:1', version: version(5) }]);
    expect(await redis.client.pttl(`${namespace}:{city:1}`)).toBeGreaterThan(900_000);
    await short.fill(fillOf(meta, { version: version(5), freshMs: 1, staleMs: 0 }));
    const left = await redis.client.pttl(`${namespace}:{city:1}`);
    expect(left > 90_000 && left <= 100_000).toBe(true);
  });

  it('the meta is text that keeps every digit', async () => {
    const horizon = { era: 3, xid: 2 ** 53 - 2 };
    await store.initialise('life', horizon);
    await store.raise([{ key: 'city', version: version(2 ** 53 - 1, 3) }]);
    const advance = { from: horizon, to: { era: 3, xid: 2 ** 53 - 1 } };
    const { meta } = await store.apply({ invalidations: [], expect: null, mark: 'm', advance });
    const text = (await redis.client.get(`${namespace}:meta`))!;
    expect(text).toBe(`1 life m 0 1 3 ${2 ** 53 - 1} 3 ${2 ** 53 - 2} city=${2 ** 53 - 1}`);
    expect(readMeta(text)).toEqual(meta);
    expect((await store.read([])).meta).toEqual(meta);
  });

  it('one scope too many raises the epoch', async () => {
    await store.initialise('life', START);
    for (let n = 0; n <= SCOPES_MAX; n += 1) await store.raise([{ key: `scope${n}`, version: version(1) }]);
    expect((await store.read([])).meta).toMatchObject({ epoch: 1 });
    expect((await store.read([])).meta?.scopes.size).toBe(SCOPES_MAX);
  });

  it('a batch larger than one script call is applied whole, its mark with the last part', async () => {
    await store.initialise('life', START);
    const invalidations = Array.from({ length: 1_234 }, (_, n) => ({
      key: `city:${n}`,
      version: version(n + 1),
    }));
    const advance = { from: START, to: { era: 1, xid: 101 } };
    const result = await store.apply({ invalidations, expect: null, mark: 'm1', advance });
    expect(result).toMatchObject({ outcome: 'advanced', meta: { revision: 1 } });
    const { records } = await store.read(invalidations.map(({ key }) => key));
    expect(records.map((record) => record?.tidemark.n)).toEqual(invalidations.map(({ version: { n } }) => n));
    const next = await store.apply({ invalidations: [], expect: 'm1', mark: 'm2', advance });
    expect(next.outcome).toBe('advanced');
  });

  it('values of any size come back byte for byte', async () => {
    const meta = await store.initialise('life', START);
    for (const size of [0, 1, 65_536, 1_000_000]) {
      const data = Buffer.alloc(size, 'å∅\0\u00ff');
      await store.fill(fillOf(meta, { data }));
      const { records } = await store.read(['city:1']);
      expect(Buffer.compare(Buffer.from(records[0]!.value!.data!), data)).toBe(0);
    }
  });

  it('ages are told by the clock of Redis', async () => {
    const meta = await store.initialise('life', START);
    await store.fill(fillOf(meta));
    const { records, nowMs } = await store.read(['city:1']);
    const ageMs = nowMs - records[0]!.value!.filledAtMs;
    expect(Math.abs(ageMs)).toBeLessThan(1_000);
  });
});
