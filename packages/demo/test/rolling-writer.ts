/** Rolls a key back and stops dead before it tells anybody; its parent then kills it. */
import type { Store } from '@tidemark/core';
import { redisStore } from '@tidemark/redis';
import { keptItems } from './kept-items.ts';
import { type Addresses, openNode } from './regions-harness.ts';

const addresses = JSON.parse(process.env['ADDRESSES']!) as Addresses;
const store = await redisStore({ url: addresses.redis });
const dying = new Proxy<Store>(store, {
  get(target, property) {
    if (property === 'raise') {
      return () => {
        process.stdout.write('committed\n');
        return new Promise(() => {});
      };
    }
    const value: unknown = Reflect.get(target, property, target);
    return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
  },
});
const { node } = await openNode(addresses, {
  keyspaces: [keptItems],
  store: dying,
  roles: { relay: false, applier: false },
});
await node.rollback(keptItems, { id: 1 });
