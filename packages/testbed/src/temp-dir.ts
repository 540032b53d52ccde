import { chmodSync, mkdtempSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watch } from './watchdog.ts';

const SHM = '/dev/shm';
const SHM_FREE_MIN = 2 ** 30;
/** Where temporary files may lie that are on a disk, the first that is. */
const DISKS = [tmpdir(), '/var/tmp'];
/** Of `statfs`: tmpfs and ramfs. */
const MEMORY_TYPES = new Set([0x01021994, 0x858458f6]);

/** A new folder that the watchdog deletes if nobody else does; in memory where there is room, or on a disk. */
export async function makeTempDir(name: string, onDisk = false): Promise<string> {
  const parent = onDisk ? await diskDir() : await parentDir();
  // In one go, so that a process that is killed leaves no folder that its watchdog has not heard of.
  const dir = mkdtempSync(join(parent, `tidemark-${name}-`));
  watch({ verb: 'dir', what: dir });
  chmodSync(dir, 0o755); // Postgres runs as another user and must reach its folder below.
  return dir;
}

export async function removeTempDir(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  watch({ verb: 'no-dir', what: dir });
}

async function parentDir(): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(SHM);
    return bavail * bsize > SHM_FREE_MIN ? SHM : tmpdir();
  } catch {
    return tmpdir();
  }
}

async function diskDir(): Promise<string> {
  for (const dir of DISKS) {
    const type = await statfs(dir).then(
      (stats) => stats.type,
      () => null,
    );
    if (type !== null && !MEMORY_TYPES.has(type)) return dir;
  }
  throw new Error(`none of ${DISKS.join(', ')} is a folder on a disk; set TMPDIR to one`);
}
