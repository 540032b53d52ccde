/** Stages a generation and stops dead where it is told; its parent then kills it. */
import type { Store } from '@tidemark/core';
import { redisStore } from '@tidemark/redis';
import { prices, priceList } from './groups-harness.ts';
import { type Addresses, openNode } from './regions-harness.ts';

const { stopAt, ...addresses } = JSON.parse(process.env['ADDRESSES']!) as Addresses & { stopAt: string };

function stop(said: string): Promise<never> {
  process.stdout.write(`${said}\n`);
  return new Promise(() => {});
}

const store = await redisStore({ url: addresses.redis });
// What a swap does first after its commit.
const dying = new Proxy<Store>(store, {
  get(target, property) {
    if (property === 'raise') return () => stop('committed');
    const value: unknown = Reflect.get(target, property, target);
    return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
  },
});
const { node } = await openNode(addresses, {
  groups: [prices],
  store: dying,
  roles: { relay: false, applier: false },
});
const half = { seal: stopAt !== 'staging' };
const generation = await node.stage(prices, priceList('by the dead'), half);
if (stopAt === 'swapped') await node.swap(prices, generation);
await stop(generation);
