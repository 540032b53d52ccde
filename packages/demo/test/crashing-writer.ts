/** Commits a write and stops dead before it tells anybody; its parent then kills it. */
import type { Store } from '@tidemark/core';
import { redisStore } from '@tidemark/redis';
import { type Addresses, items, openNode } from './regions-harness.ts';

const addresses = JSON.parse(process.env['ADDRESSES']!) as Addresses;
const store = await redisStore({ url: addresses.redis });
// What a writer does first after its commit; here it is where the process is when it dies.
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
const { node } = await openNode(addresses, { store: dying, roles: { relay: false, applier: false } });
await node.write(async (tx) => {
  await tx.query(`update items set value = 'by the dead' where id = 1`);
  tx.bump(items, { id: 1 });
});
