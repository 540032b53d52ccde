import type { Store } from '../ports/store.ts';
import type { Fill, FillVerdict } from '../protocol/record.ts';

/** Fills with as few commands as the store can do it with. */
export async function fillAll(store: Store, fills: readonly Fill[]): Promise<readonly FillVerdict[]> {
  if (fills.length === 0) return [];
  if (store.fillMany) return store.fillMany(fills);
  return Promise.all(fills.map((each) => store.fill(each)));
}
