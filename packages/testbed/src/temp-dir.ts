import { chmod, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watch } from './watchdog.ts';

const SHM = '/dev/shm';
const SHM_FREE_MIN = 2 ** 30;

/** A new folder that the watchdog deletes if nobody else does; in memory where there is room. */
export async function makeTempDir(name: string): Promise<string> {
  const dir = await mkdtemp(join(await parentDir(), `tidemark-${name}-`));
  watch('dir', dir);
  await chmod(dir, 0o755); // Postgres runs as another user and must reach its folder below.
  return dir;
}

export async function removeTempDir(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  watch('no-dir', dir);
}

async function parentDir(): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(SHM);
    return bavail * bsize > SHM_FREE_MIN ? SHM : tmpdir();
  } catch {
    return tmpdir();
  }
}
