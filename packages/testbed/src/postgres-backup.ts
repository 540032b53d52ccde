import { execFile } from 'node:child_process';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresBinaries, RunAs } from './postgres-binaries.ts';

const run = promisify(execFile);

/** A consistent copy of a server's data. */
export interface PostgresBackup {
  readonly dir: string;
}

export interface RestoreOptions {
  /**
   * Recovers to this restore point (`pg_create_restore_point`) from an archive of WAL segments, and
   * goes on from there on a new timeline. Without it the server is simply what it was at the backup.
   */
  readonly recovery?: { readonly archive: string; readonly restorePoint: string };
}

/** Copies a running server to a folder that does not exist yet; `extra` goes to pg_basebackup. */
export async function baseBackup(
  { port }: { readonly port: number },
  dir: string,
  { basebackup }: PostgresBinaries,
  runAs: RunAs | null,
  extra: readonly string[] = [],
): Promise<void> {
  const conninfo = `host=127.0.0.1 port=${port} user=postgres`;
  const args = ['-D', dir, '-d', conninfo, '-X', 'stream', '--checkpoint=fast', '--no-sync', ...extra];
  await run(basebackup, args, { cwd: '/', ...runAs }).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    throw new Error(`${basebackup} is missing. Debian, Ubuntu: apt-get install postgresql`, { cause: error });
  });
}

let backups = 0;

/** @internal */
export async function backUpCluster(
  server: { readonly port: number; readonly dir: string },
  binaries: PostgresBinaries,
  runAs: RunAs | null,
): Promise<PostgresBackup> {
  const parent = join(server.dir, 'backups');
  await mkdir(parent, { recursive: true });
  if (runAs) await chown(parent, runAs.uid, runAs.gid);
  const dir = join(parent, String((backups += 1)));
  await baseBackup(server, dir, binaries, runAs);
  return { dir };
}

/** Copies a backup to where a stopped server expects its data; the backup stays. */
export async function replaceCluster(
  cluster: string,
  backup: PostgresBackup,
  { recovery }: RestoreOptions,
): Promise<void> {
  await run('cp', ['-a', backup.dir, cluster]);
  if (!recovery) return;
  const settings = [
    `restore_command = 'cp "${recovery.archive}/%f" "%p"'`,
    `recovery_target_name = '${recovery.restorePoint}'`,
    `recovery_target_action = 'promote'`,
  ];
  await writeFile(join(cluster, 'postgresql.auto.conf'), `${settings.join('\n')}\n`);
  await writeFile(join(cluster, 'recovery.signal'), '');
}
