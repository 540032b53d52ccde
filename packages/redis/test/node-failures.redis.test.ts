import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { COMMAND_TIMEOUT_MS, IDS, redisRegion, type RedisRegion, SOON } from './node-harness.ts';

/** Reads and writes of each round, and how many rounds are made while the fault lasts. */
const ROUNDS = 6;
/** A miss asks for the record and the lease, and fills; a read that is answered `no` asks once. */
const COMMANDS_OF_A_READ_MAX = 4;
/** A write raises its tidemark in Redis, and no more. */
const COMMANDS_OF_A_WRITE_MAX = 1;
/** What a machine that does much else may add. */
const BUSY_MS = 1_500;
/** As long as its commands may take: that is the bound that was configured. */
const boundMs = (commands: number): number => commands * COMMAND_TIMEOUT_MS + BUSY_MS;

interface Fault {
  readonly name: string;
  readonly args?: readonly string[];
  begin(region: RedisRegion): Promise<unknown>;
  end(region: RedisRegion): Promise<unknown>;
}

let loading: Promise<void>;

async function inTime<T>(commands: number, work: () => Promise<T>): Promise<T> {
  const beganMs = performance.now();
  const result = await work();
  expect(performance.now() - beganMs).toBeLessThan(boundMs(commands));
  return result;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'stopped: connections are refused',
    begin: ({ redis }) => redis.stop(),
    end: ({ redis }) => redis.start(),
  },
  {
    name: 'hung, its connections open',
    begin: async ({ redis }) => redis.pause(),
    end: async ({ redis }) => redis.resume(),
  },
  {
    name: 'slower than its command timeout',
    begin: async ({ path }) => path.setDelay(200),
    end: async ({ path }) => path.setDelay(0),
  },
  {
    name: 'behind a network that swallows everything',
    begin: async ({ path }) => path.cut('blackhole'),
    end: async ({ path }) => path.heal(),
  },
  {
    name: 'out of memory, without eviction',
    args: ['--maxmemory-policy', 'noeviction'],
    begin: ({ admin }) => admin.config('SET', 'maxmemory', '1'),
    end: ({ admin }) => admin.config('SET', 'maxmemory', '0'),
  },
  {
    name: 'evicting anything, its meta included',
    args: ['--maxmemory-policy', 'allkeys-lru'],
    begin: ({ admin }) => admin.config('SET', 'maxmemory', '1mb'),
    end: ({ admin }) => admin.config('SET', 'maxmemory', '0'),
  },
  {
    name: 'full of keys of another type',
    async begin({ admin }) {
      for (const key of await admin.keys('tidemark:*')) {
        await admin.multi().del(key).rpush(key, 'a', 'list').exec();
      }
    },
    end: async () => {},
  },
  {
    name: 'a replica, which is read only',
    begin: ({ admin }) => admin.replicaof('127.0.0.1', 1),
    end: ({ admin }) => admin.replicaof('NO', 'ONE'),
  },
  {
    name: 'one that permits no writes any more',
    begin: ({ admin }) => admin.call('ACL', 'SETUSER', 'default', '-@write'),
    end: ({ admin }) => admin.call('ACL', 'SETUSER', 'default', '+@all'),
  },
  {
    name: 'one that permits nothing any more',
    begin: ({ admin }) => admin.call('ACL', 'SETUSER', 'default', '-@all', '+acl'),
    end: ({ admin }) => admin.call('ACL', 'SETUSER', 'default', '+@all'),
  },
  {
    name: 'loading an older copy of itself',
    args: ['--key-load-delay', '20000', '--loading-process-events-interval-bytes', '1024'],
    async begin({ admin, redis }) {
      await admin.mset(Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`other:${n}`, 'x'])));
      await admin.call('SAVE');
      await redis.kill();
      loading = redis.start();
      const probe = new Redis(redis.url, { enableReadyCheck: false, retryStrategy: () => 5 });
      probe.on('error', () => {});
      await vi.waitFor(() => expect(probe.ping()).rejects.toThrow('LOADING'), SOON);
      probe.disconnect();
    },
    end: () => loading,
  },
];

describe.each(FAULTS)('a Redis that is $name', ({ args = [], begin, end }) => {
  let region: RedisRegion;

  beforeEach(async () => {
    region = await redisRegion({ args, storeBreaker: { failures: 5, resetAfter: 100 } });
    for (const id of IDS) await region.write(id);
    await region.healed();
    return () => region.close();
  }, 60_000);

  it('fails no read and no write, and is used again when it is well', async () => {
    const { writer, reader, write, read } = region;
    await begin(region);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const id of IDS) {
        const written = writer.commands.all;
        const n = await inTime(COMMANDS_OF_A_WRITE_MAX, () => write(id));
        expect(writer.commands.all - written).toBeLessThanOrEqual(COMMANDS_OF_A_WRITE_MAX);
        const before = writer.commands.all;
        // The writer knows what it wrote, whatever Redis says or forgot.
        expect(await inTime(COMMANDS_OF_A_READ_MAX, () => read(writer, id))).toBe(n);
        expect(writer.commands.all - before).toBeLessThanOrEqual(COMMANDS_OF_A_READ_MAX);
        // The reader hears of nothing while Redis does not; but what it reads, somebody wrote.
        expect(await read(reader, id)).toSatisfy((got: number) => got >= 1 && got <= n);
      }
      const many = await Promise.all(IDS.flatMap((id) => [read(writer, id), read(reader, id)]));
      expect(many).not.toContain(undefined);
    }
    await end(region);
    await region.healed();
  }, 120_000);
});

it('a Redis that is killed while commands are under way fails no read and no write', async () => {
  const region = await redisRegion({ storeBreaker: { failures: 5, resetAfter: 100 } });
  try {
    for (const id of IDS) await region.write(id);
    await region.healed();
    for (let round = 0; round < 3; round += 1) {
      const { redis, reader, writer, read, write } = region;
      const writes = IDS.map((id) => write(id));
      const reads = [reader, writer].flatMap((member) => IDS.map((id) => read(member, id)));
      // On their way, and not answered: the server is stopped in its tracks first.
      redis.pause();
      reads.push(...IDS.map((id) => read(reader, id)));
      await redis.kill();
      for (const n of await Promise.all(reads)) expect(n).toBeGreaterThanOrEqual(1);
      await Promise.all(writes);
      await redis.start();
      await region.healed();
    }
  } finally {
    await region.close();
  }
}, 120_000);

describe('a hung Redis', () => {
  let region: RedisRegion;

  afterEach(() => region.close());

  it('is asked once for each read and each write, without a breaker', async () => {
    region = await redisRegion({ storeBreaker: false });
    await region.write(1);
    await region.healed();
    const { redis, writer, reader, read, write } = region;
    redis.pause();
    for (let round = 1; round <= 3; round += 1) {
      const before = reader.commands.all;
      expect(await read(reader, 1)).toBe(round);
      expect(reader.commands.all - before).toBe(1);
      const written = writer.commands.all;
      await write(1);
      expect(writer.commands.all - written).toBe(1);
    }
    expect([reader.commands.of('read') > 0, reader.commands.failed, writer.commands.failed]).toEqual([
      true,
      3,
      3,
    ]);
    // Many readers of one turn share one command, and so one timeout.
    const before = reader.commands.all;
    await Promise.all(Array.from({ length: 100 }, () => read(reader, 1)));
    expect(reader.commands.all - before).toBe(1);
    redis.resume();
    await region.healed();
  }, 60_000);

  it('is left alone by readers once the breaker opened, and asked again by one of them', async () => {
    region = await redisRegion({ storeBreaker: { failures: 2, resetAfter: '3s' } });
    await region.write(1);
    await region.healed();
    const { redis, reader, read } = region;
    redis.pause();
    await read(reader, 1);
    await read(reader, 1);
    expect(reader.events.get('breaker')).toBe(1);
    const before = reader.commands.all;
    for (let n = 0; n < 20; n += 1) expect(await read(reader, 1)).toBe(1);
    // No lease, fill or release; a probe only on a very busy machine.
    expect(reader.commands.all - before).toBeLessThanOrEqual(1);
    redis.resume();
    await region.healed();
    expect(reader.events.get('breaker')).toBeGreaterThanOrEqual(2);
  }, 60_000);
});

it.each([
  ['out of memory', ['CONFIG', 'SET', 'maxmemory', '1']],
  ['read only', ['REPLICAOF', '127.0.0.1', '1']],
  ['without permission to write', ['ACL', 'SETUSER', 'default', '-@write']],
] as const)(
  'a Redis that is %s makes nobody wait for a lease that nobody has',
  async (_, [command, ...args]) => {
    const region = await redisRegion({ args: ['--maxmemory-policy', 'noeviction'] });
    try {
      for (const id of IDS) await region.write(id);
      await region.healed();
      for (const key of await region.admin.keys('tidemark:{*')) await region.admin.del(key);
      await region.admin.call(command, ...args);
      for (const id of IDS) expect(await region.read(region.reader, id)).toBe(1);
      expect(region.reader.events.get('lease-wait') ?? 0).toBe(0);
    } finally {
      await region.close();
    }
  },
  60_000,
);
