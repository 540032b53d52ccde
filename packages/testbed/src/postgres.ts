import { access, chown, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { deployFile } from './deploy-file.ts';
import { findPostgres, type PostgresBinaries, type RunAs, unprivilegedUser } from './postgres-binaries.ts';
import { createCluster, removeSharedMemory } from './postgres-cluster.ts';
import {
  backUpCluster,
  type PostgresBackup,
  replaceCluster,
  type RestoreOptions,
} from './postgres-backup.ts';
import { runSql, startupPacket } from './postgres-wire.ts';
import { type Server, startServer } from './server.ts';
import { talk } from './talk.ts';

export interface PostgresServer extends Server {
  /** Creates a fresh, empty database; returns its URL. */
  createDatabase(name?: string): Promise<string>;
  /** A copy of the running server (pg_basebackup), in this server's folder. */
  backUp(): Promise<PostgresBackup>;
  /** Puts a backup in the place of a stopped server's data, whatever server it is of. */
  restore(backup: PostgresBackup, options?: RestoreOptions): Promise<void>;
}

/** Durability that only matters when the machine itself fails. */
const FORGETFUL: Readonly<Record<string, string>> = { fsync: 'off', full_page_writes: 'off' };
/** What a throw-away server does differently; everything else is `deploy/`'s. */
const TEST_SETTINGS: Readonly<Record<string, string>> = {
  // For base backups and standbys, which may come back late.
  wal_keep_size: '64MB',
  // In the data folder, so that nothing is left when the server is killed.
  dynamic_shared_memory_type: 'mmap',
};

let databases = 0;

export interface PostgresOptions {
  /** Server settings over those of `deploy/postgres/postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Its data are on a disk, and a commit waits for it, as in production. Default false. */
  readonly durable?: boolean;
}

/** Starts a Postgres from `deploy/postgres/postgresql.conf`, as an unprivileged user when this is root. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const runAs = await unprivilegedUser();
  return launchPostgres(await findPostgres(runAs), runAs, options);
}

/**
 * @internal
 * @param create makes the data of a server that has none
 */
export async function launchPostgres(
  binaries: PostgresBinaries,
  runAs: RunAs | null,
  options: PostgresOptions,
  create: (cluster: string) => Promise<void> = (cluster) => createCluster(cluster, binaries, runAs),
): Promise<PostgresServer> {
  const { durable = false } = options;
  const settings = { ...(durable ? {} : FORGETFUL), ...TEST_SETTINGS, ...options.settings };
  const server = await startServer({
    name: 'postgres',
    onDisk: durable,
    stopSignal: 'SIGINT', // Does not wait for clients.
    orphanSignal: 'SIGQUIT',
    url: (port) => databaseUrl(port, 'postgres'),
    async command({ dir, dataDir, port }) {
      const cluster = clusterDir(dataDir);
      if (runAs) for (const path of [dir, dataDir]) await chown(path, runAs.uid, runAs.gid);
      const exists = await access(cluster).then(
        () => true,
        () => false,
      );
      if (!exists) await create(cluster);
      await copyFile(deployFile('postgres/postgresql.conf'), join(cluster, 'postgresql.conf'));
      const own = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '' };
      const args = Object.entries({ ...own, ...settings }).flatMap(([name, value]) => [
        '-c',
        `${name}=${value}`,
      ]);
      return { file: binaries.postgres, args: ['-D', cluster, ...args], ...runAs };
    },
    ready: async (port) => (await talk(port, startupPacket('postgres'))).toString('latin1', 0, 1) === 'R',
    // Orphaned backends of a killed server end a moment after it.
    tooSoon: /Terminate any old server processes|lock file "postmaster.pid" already exists/,
    sweep: (dataDir) => removeSharedMemory(clusterDir(dataDir)),
  });
  return Object.assign(server, {
    async createDatabase(name = `test_${process.pid}_${(databases += 1)}`): Promise<string> {
      await runSql(server.port, `create database "${name.replaceAll('"', '""')}"`);
      return databaseUrl(server.port, name);
    },
    backUp: () => backUpCluster(server, binaries, runAs),
    async restore(backup: PostgresBackup, restoring: RestoreOptions = {}): Promise<void> {
      await server.wipe();
      await mkdir(dataDirOf(server.dir), { recursive: true });
      await replaceCluster(clusterDir(dataDirOf(server.dir)), backup, restoring);
    },
  });
}

function dataDirOf(dir: string): string {
  return join(dir, 'data');
}

function clusterDir(dataDir: string): string {
  return join(dataDir, 'cluster');
}

function databaseUrl(port: number, name: string): string {
  return `postgres://postgres@127.0.0.1:${port}/${encodeURIComponent(name)}`;
}
