// Child processes of the bin scripts. Plain Node: runs before anything is installed.
import { spawn } from 'node:child_process';

const GRACE_MS = 10_000;
const PARENT_POLL_MS = 250;

/**
 * Runs a program to its end, in a process group of its own. SIGINT and SIGTERM are handed on once (a
 * terminal, npm and a caller may each send theirs); what then does not end within ten seconds is killed.
 * With `endsItselfMs` the program alone is told, and not its children: it needs them until it ends, within
 * that time, and its own exit code counts.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: 'inherit' | 'ignore', output?: 'inherit' | 'stderr' | 'ignore', endsItselfMs?: number }} [options]
 * @returns {Promise<number>} its exit code; 128 + signal number when a signal ended it or us
 */
export function run(file, args, { cwd, env, input = 'ignore', output = 'inherit', endsItselfMs } = {}) {
  return new Promise((resolve, reject) => {
    const to = output === 'stderr' ? 2 : output;
    let code = 0;
    /** @type {import('node:child_process').ChildProcess | undefined} */
    let child;
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    /** @param {NodeJS.Signals} signal */
    const toGroup = (signal) => {
      try {
        if (child?.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // The group is gone.
      }
    };
    /** @param {NodeJS.Signals} signal */
    const forward = (signal) => {
      if (code !== 0) return;
      code = exitCode(signal);
      if (endsItselfMs === undefined) toGroup(signal);
      else child?.kill(signal);
      timer = setTimeout(toGroup, endsItselfMs ?? GRACE_MS, 'SIGKILL');
    };
    const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
    // Before there is a child: one that is told of before it can be ended would be left behind.
    for (const signal of signals) process.on(signal, forward);
    child = spawn(file, [...args], { cwd, env, stdio: [input, to, to], detached: true });
    const npm = setInterval(() => {
      if (npmIsGone()) forward('SIGTERM');
    }, PARENT_POLL_MS);
    const done = () => {
      clearInterval(npm);
      clearTimeout(timer);
      // Who was interrupted still swallows the signal's echoes, and ends with the code of the first.
      if (code === 0) for (const signal of signals) process.off(signal, forward);
      // Workers of a program that was interrupted.
      else toGroup('SIGKILL');
    };
    child.once('error', (error) => {
      done();
      reject(error);
    });
    child.once('exit', (status, signal) => {
      done();
      const own = status ?? exitCode(signal);
      resolve(endsItselfMs === undefined ? code || own : own);
    });
  });
}

const parent = process.ppid;

/** Whether the npm that started this process was killed: it, or its shell, could not hand the signal on. */
function npmIsGone() {
  return process.env['npm_lifecycle_event'] !== undefined && process.ppid !== parent;
}

/** @param {NodeJS.Signals | null} signal */
function exitCode(signal) {
  return 128 + ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[String(signal)] ?? 0);
}

/**
 * A mistake of the machine or its user, told without a stack; `exitCode` is the process's.
 */
export class Stop extends Error {
  /** @param {string} message @param {number} [exitCode] */
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Tells what takes time. Standard output belongs to the program that runs in the end.
 * @param {string} text
 */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/**
 * Runs a script's main function and sets the exit code.
 * @param {() => Promise<number>} body
 */
export async function main(body) {
  try {
    process.exitCode = await body();
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    if (error.message) say(`\n${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}
