import { type Mesh, openMesh } from '@tidemark/inspect';
import { makeTempDir, removeTempDir, writeRegionFiles } from '@tidemark/testbed';

/** A port that nothing listens on: below those that are handed out. */
const CLOSED = 9;

/** Two regions whose servers are all away: the console is there nevertheless. */
export async function openNowhere(): Promise<{ readonly mesh: Mesh; close(): Promise<void> }> {
  const dir = await makeTempDir('nowhere');
  const away = {
    redis: `redis://127.0.0.1:${CLOSED}`,
    nats: `nats://127.0.0.1:${CLOSED}`,
    postgres: `postgres://127.0.0.1:${CLOSED}/x`,
  };
  await writeRegionFiles(dir, { us: away, eu: away });
  const mesh = await openMesh({ dir, source: 'shop', answerMs: 200 });
  return {
    mesh,
    async close() {
      await mesh.close();
      await removeTempDir(dir);
    },
  };
}
