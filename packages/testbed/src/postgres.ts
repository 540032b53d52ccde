import { execFile } from 'node:child_process';
import { chown, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deployFile } from './deploy-file.ts';
import { findPostgres, unprivilegedUser } from './postgres-binaries.ts';
import { runSql, startupPacket } from './postgres-wire.ts';
import { type Server, startServer } from './server.ts';
import { talk } from './talk.ts';

const run = promisify(execFile);

export interface PostgresServer extends Server {
  /** A fresh, empty database; returns its URL. */
  createDatabase(name?: string): Promise<string>;
}

/** Durability that a throw-away server does not need; everything else is `deploy/`'s. */
const TEST_SETTINGS: Readonly<Record<string, string>> = { fsync: 'off', full_page_writes: 'off' };

let databases = 0;

/** Starts a Postgres from `deploy/postgres/postgresql.conf`, as an unprivileged user when this is root. */
export async function startPostgres(
  options: { readonly settings?: Readonly<Record<string, string>> } = {},
): Promise<PostgresServer> {
  const runAs = await unprivilegedUser();
  const { initdb, postgres } = await findPostgres(runAs);
  const settings = { ...TEST_SETTINGS, ...options.settings };
  const server = await startServer({
    name: 'postgres',
    stopSignal: 'SIGINT',
    url: (port) => databaseUrl(port, 'postgres'),
    async command({ dir, dataDir, port }) {
      const cluster = join(dataDir, 'cluster');
      if (runAs) {
        await chown(dataDir, runAs.uid, runAs.gid);
        await chown(dir, runAs.uid, runAs.gid);
      }
      await mkdir(cluster, { mode: 0o700 }).then(
        async () => {
          if (runAs) await chown(cluster, runAs.uid, runAs.gid);
          const args = ['-D', cluster, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
          await run(initdb, args, { cwd: dir, ...runAs });
        },
        () => {}, // The cluster is there: a restart.
      );
      await copyFile(deployFile('postgres/postgresql.conf'), join(cluster, 'postgresql.conf'));
      const own = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings };
      const args = Object.entries(own).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      return { file: postgres, args: ['-D', cluster, ...args], ...runAs };
    },
    ready: async (port) => (await talk(port, startupPacket('postgres'))).toString('latin1', 0, 1) === 'R',
  });
  return Object.assign(server, {
    async createDatabase(name = `test_${process.pid}_${(databases += 1)}`): Promise<string> {
      await runSql(server.port, `create database ${name}`);
      return databaseUrl(server.port, name);
    },
  });
}

function databaseUrl(port: number, name: string): string {
  return `postgres://postgres@127.0.0.1:${port}/${name}`;
}
