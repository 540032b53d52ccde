import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { baseBackup } from './postgres-backup.ts';
import { findPostgres, unprivilegedUser } from './postgres-binaries.ts';
import { launchPostgres, type PostgresOptions, type PostgresServer } from './postgres.ts';
import { runSql } from './postgres-wire.ts';

/** A streaming replica. Until it is promoted it only answers reads. */
export interface PostgresStandby extends PostgresServer {
  /** What it receives from now on is not shown. */
  pauseReplay(): Promise<void>;
  resumeReplay(): Promise<void>;
  /** Resolves when it shows everything that its primary has committed by now. */
  caughtUp(): Promise<void>;
  /** Makes it a primary, on a new timeline; what it has not received is lost. */
  promote(): Promise<void>;
}

/** Retries quickly, so that tests need not wait for it. */
const STANDBY_SETTINGS = { wal_retrieve_retry_interval: '100ms' };

/** Starts a replica of a running server, by pg_basebackup and streaming; `primary` may be a proxy to it. */
export async function startPostgresStandby(
  primary: { readonly port: number },
  options: PostgresOptions = {},
): Promise<PostgresStandby> {
  const runAs = await unprivilegedUser();
  const binaries = await findPostgres(runAs);
  const settings = {
    ...STANDBY_SETTINGS,
    primary_conninfo: `host=127.0.0.1 port=${primary.port} user=postgres`,
    ...options.settings,
  };
  const server = await launchPostgres(binaries, runAs, { settings }, async (cluster) => {
    await baseBackup(primary, cluster, binaries, runAs);
    await writeFile(join(cluster, 'standby.signal'), '');
  });
  const wait = (condition: string): Promise<unknown> =>
    runSql(
      server.port,
      `do $$ begin while not (${condition}) loop perform pg_sleep(0.005); end loop; end $$`,
    );
  return Object.assign(server, {
    async pauseReplay(): Promise<void> {
      // A request, which the server obeys before its next record.
      await runSql(server.port, 'select pg_wal_replay_pause()');
      await wait(`pg_get_wal_replay_pause_state() = 'paused'`);
    },
    async resumeReplay(): Promise<void> {
      await runSql(server.port, 'select pg_wal_replay_resume()');
    },
    async caughtUp(): Promise<void> {
      const position = await runSql(primary.port, 'select pg_current_wal_flush_lsn()');
      await wait(`pg_last_wal_replay_lsn() >= '${position}'`);
    },
    async promote(): Promise<void> {
      await runSql(server.port, 'select pg_promote()');
    },
  });
}
