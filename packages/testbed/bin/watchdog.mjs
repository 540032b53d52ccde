// Outlives the process that started it for a moment. It is told every server's pid and every folder;
// when its input ends, however that process died, it kills and deletes what is left.
import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;
const PIDS_MAX_MS = 3_000;
const DIRS_MAX_MS = 5_000;

/** @type {Map<number, NodeJS.Signals>} */
const pids = new Map();
/** @type {Set<string>} */
const dirs = new Set();

// A Ctrl-C goes to every process of a terminal; this one has to stay until its parent is gone.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(signal, () => {});

let rest = '';
process.stdin.setEncoding('utf8');
for await (const text of process.stdin) {
  const lines = `${rest}${text}`.split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) {
    const { verb, what, signal } = JSON.parse(line);
    if (verb === 'pid') pids.set(what, signal);
    else if (verb === 'no-pid') pids.delete(what);
    else if (verb === 'dir') dirs.add(what);
    else dirs.delete(what);
  }
}

for (const [pid, signal] of pids) {
  send(pid, signal);
  send(pid, 'SIGCONT'); // A stopped process obeys SIGKILL only.
}
await until(PIDS_MAX_MS, () => [...pids.keys()].every((pid) => !alive(pid)));
for (const pid of pids.keys()) if (alive(pid)) send(pid, 'SIGKILL');
await until(DIRS_MAX_MS, () => {
  for (const dir of dirs) {
    try {
      rmSync(dir, { recursive: true, force: true });
      dirs.delete(dir);
    } catch {
      // A dying process still writes into it.
    }
  }
  return dirs.size === 0;
});
const mark = process.argv[2];
if (mark) rmSync(mark, { force: true });

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone.
  }
}

/** @param {number} pid */
function alive(pid) {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    // A zombie is dead, though nobody has buried it: containers often have no init that does.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true; // No /proc here.
  }
}

/**
 * @param {number} maxMs
 * @param {() => boolean} done
 */
async function until(maxMs, done) {
  const endMs = Date.now() + maxMs;
  while (!done() && Date.now() < endMs) await sleep(POLL_MS);
}
