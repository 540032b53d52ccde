import { expect, it } from 'vitest';
import { addressOf, reached, type ServerEvent } from '../src/server-watch.ts';

const WHERE = { server: 'redis', region: 'eu', address: 'cache:6379' } as const;

it('says nothing of a server that answers', async () => {
  const events: ServerEvent[] = [];
  await reached({ ...WHERE, reach: async () => {} }, (event) => void events.push(event), neverAborted());
  expect(events).toEqual([]);
});

it('says once that it waits, with the first reason, and once that it is over', async () => {
  const events: ServerEvent[] = [];
  const reasons = ['refused', 'not yet', 'still not'];
  const reach = async (): Promise<void> => {
    const reason = reasons.shift();
    if (reason !== undefined) throw new Error(reason);
  };
  await reached({ ...WHERE, reach }, (event) => void events.push(event), neverAborted());
  expect(events).toEqual([
    { type: 'waiting', ...WHERE, reason: 'refused' },
    { type: 'reached', ...WHERE },
  ]);
});

it('waits for one that does not answer, and stops waiting when told', async () => {
  const stopping = new AbortController();
  const events: ServerEvent[] = [];
  const reach = (): Promise<void> => new Promise(() => {});
  const onEvent = (event: ServerEvent): void => {
    events.push(event);
    stopping.abort();
  };
  await reached({ ...WHERE, reach }, onEvent, stopping.signal);
  expect(events).toEqual([{ type: 'waiting', ...WHERE, reason: 'it does not answer' }]);
});

it.each([
  ['redis://user:pa/ss@cache.example:6379/0', 'cache.example:6379'],
  ['postgres://me:p@ss@db:5432/shop?sslmode=require', 'db:5432'],
  ['nats://127.0.0.1:4222', '127.0.0.1:4222'],
  ['token@127.0.0.1:4222', '127.0.0.1:4222'],
  ['rediss://[::1]:6379', '[::1]:6379'],
])('shows no secret of %s', (url, address) => {
  expect(addressOf(url)).toBe(address);
});

function neverAborted(): AbortSignal {
  return new AbortController().signal;
}
