import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mesh, openMesh } from '@tidemark/inspect';

/** A port that nothing listens on: below those that are handed out. */
const CLOSED = 9;

/** Two regions whose servers are all away: the console is there nevertheless. */
export async function openNowhere(): Promise<{ readonly mesh: Mesh; close(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'tidemark-nowhere-'));
  for (const [id, peer] of [
    ['us', 'eu'],
    ['eu', 'us'],
  ] as const) {
    const endpoints = {
      redis: `redis://127.0.0.1:${CLOSED}`,
      nats: `nats://127.0.0.1:${CLOSED}`,
      postgres: `postgres://127.0.0.1:${CLOSED}/x`,
    };
    const file = {
      id,
      role: id === 'us' ? 'home' : 'replica',
      endpoints,
      peers: [{ id: peer, roundTripMs: 1 }],
    };
    await writeFile(join(dir, `${id}.json`), JSON.stringify(file));
  }
  const mesh = await openMesh({ dir, source: 'shop', answerMs: 200 });
  return {
    mesh,
    async close() {
      await mesh.close();
      await rm(dir, { recursive: true });
    },
  };
}
