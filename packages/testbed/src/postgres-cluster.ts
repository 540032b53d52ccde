import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chown, mkdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { renewIdentity } from './postgres-identity.ts';
import type { PostgresBinaries, RunAs } from './postgres-binaries.ts';

const run = promisify(execFile);

/** Small WAL files: a cluster is copied for every server. */
const INITDB_ARGS = [
  '-U',
  'postgres',
  '--auth=trust',
  '--encoding=UTF8',
  '--locale=C',
  '--no-sync',
  '--wal-segsize=1',
];
const CACHE_DIR = fileURLToPath(new URL('../../../node_modules/.cache/tidemark/', import.meta.url));

/** Creates an empty cluster; the first of its kind is kept, later ones are copies of it. */
export async function createCluster(
  cluster: string,
  binaries: PostgresBinaries,
  runAs: RunAs | null,
): Promise<void> {
  const template = join(CACHE_DIR, await templateName(binaries, runAs));
  if (await copy(template, cluster)) return;
  await rm(cluster, { recursive: true, force: true });
  await mkdir(cluster, { mode: 0o700 });
  if (runAs) await chown(cluster, runAs.uid, runAs.gid);
  await run(binaries.initdb, ['-D', cluster, ...INITDB_ARGS], { cwd: dirname(cluster), ...runAs });
  await keep(cluster, template);
}

async function copy(template: string, cluster: string): Promise<boolean> {
  try {
    await run('cp', ['-a', template, cluster]);
    await renewIdentity(cluster);
    return true;
  } catch {
    return false; // There is no template yet, or it is of no use.
  }
}

/** Copies of one template must behave the same: it belongs to one build, one user and these arguments. */
async function templateName({ postgres }: PostgresBinaries, runAs: RunAs | null): Promise<string> {
  const path = await realpath(postgres);
  const { size, mtimeMs } = await stat(path);
  const uid = runAs?.uid ?? process.getuid?.();
  const text = JSON.stringify([path, size, mtimeMs, uid, INITDB_ARGS]);
  return `cluster-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

/** Best effort: without a writable cache every cluster is made by initdb. */
async function keep(cluster: string, template: string): Promise<void> {
  const fresh = `${template}.${process.pid}`;
  try {
    await mkdir(dirname(template), { recursive: true });
    await run('cp', ['-a', cluster, fresh]);
    await rename(fresh, template);
  } catch {
    await rm(fresh, { recursive: true, force: true }).catch(() => {}); // Another process was faster.
  }
}

/** A killed postmaster leaves a System V segment behind, which outlives its files. */
export async function removeSharedMemory(cluster: string): Promise<void> {
  const pidFile = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const id = /^\s*\d+\s+(\d+)\s*$/.exec(pidFile.split('\n')[6] ?? '')?.[1];
  // Fails when it is gone already, or when a last backend that still holds it will remove it.
  if (id !== undefined) await run('ipcrm', ['-m', id]).catch(() => {});
}
