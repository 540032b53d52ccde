import { setTimeout as sleep } from 'node:timers/promises';
import type { Store, StoreMeta } from '@tidemark/core';

export async function readMetas(store: Store): Promise<(StoreMeta | null)[]> {
  return Promise.all((store.partitions ?? [store]).map(async (part) => (await part.read([])).meta));
}

/** Resolves when an applier has set the store up, again if `since` is given. */
export async function untilSetUp(store: Store, since?: string): Promise<void> {
  for (;;) {
    // It may be away, for now.
    const metas = await readMetas(store).catch(() => [null]);
    if (metas.every((meta) => meta !== null && meta.incarnation !== since)) return;
    await sleep(20);
  }
}
