import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '@tidemark/core';
import { readMetas } from '@tidemark/warmup';

/** Resolves when an applier has set the store up, again if `since` is given. */
export async function untilSetUp(store: Store, since?: string): Promise<void> {
  for (;;) {
    // It may be away, for now.
    const metas = await readMetas(store).catch(() => [null]);
    if (metas.every((meta) => meta !== null && meta.incarnation !== since)) return;
    await sleep(20);
  }
}
