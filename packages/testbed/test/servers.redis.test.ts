import { existsSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Server, startRedis } from '../src/index.ts';

let server: Server;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis({ args: ['--maxmemory', '64mb'] });
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
});

afterAll(async () => {
  redis.disconnect();
  await server.close();
});

it('runs with the settings of deploy/, and with those given', async () => {
  expect(await redis.ping()).toBe('PONG');
  expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'volatile-lru']);
  expect(await redis.config('GET', 'maxmemory')).toEqual(['maxmemory', String(64 * 2 ** 20)]);
  expect(await redis.config('GET', 'bind')).toEqual(['bind', '127.0.0.1']);
  expect(await redis.info('server')).toContain(`process_id:${server.pid}`);
});

it('starts again on its port after a stop and after a kill; as a cache it comes back empty', async () => {
  for (const end of ['stop', 'kill'] as const) {
    await redis.set('a', 1);
    await server[end]();
    expect(server.pid).toBeUndefined();
    await server.start();
    expect(await redis.get('a')).toBeNull();
  }
});

it('hangs while paused, and answers what was asked when it resumes', async () => {
  server.pause();
  let answered = false;
  const answer = redis.ping().then((text) => {
    answered = true;
    return text;
  });
  // Another connection is accepted by the kernel, and hears nothing either.
  const impatient = new Redis(server.url, {
    commandTimeout: 200,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
  });
  impatient.on('error', () => {});
  await expect(impatient.ping()).rejects.toThrow();
  impatient.disconnect();
  expect(answered).toBe(false);
  server.resume();
  expect(await answer).toBe('PONG');
});

it('refuses to wipe while it runs', async () => {
  await expect(server.wipe()).rejects.toThrow(/redis is running; stop it/);
});

it('says why it did not start, with its log, and leaves nothing', async () => {
  await expect(startRedis({ args: ['--no-such-setting', '1'] })).rejects.toThrow(
    /redis did not start: .*redis-server[^]*no-such-setting/,
  );
});

it('can be closed while paused, twice, and takes its folder with it', async () => {
  const other = await startRedis();
  expect(other.port).not.toBe(server.port);
  other.pause();
  await other.close();
  await other.close();
  expect(existsSync(other.dir)).toBe(false);
});

it('is disposed of by await using', async () => {
  let dir: string;
  {
    await using other = await startRedis();
    dir = other.dir;
    expect(existsSync(dir)).toBe(true);
  }
  expect(existsSync(dir)).toBe(false);
});
