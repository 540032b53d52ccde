import { type ChildProcess, spawn } from 'node:child_process';

/**
 * A child that outlives this process for a moment: it is told every server's pid and folder, and
 * when its input ends, however this process died, it kills and deletes what is left.
 */
const SCRIPT = `
const { rmSync } = require('node:fs');
const pids = new Set(), dirs = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (text) => {
  const lines = (rest + text).split('\\n');
  rest = lines.pop();
  for (const line of lines) {
    const [verb, what] = JSON.parse(line);
    if (verb === 'pid') pids.add(what); else if (verb === 'no-pid') pids.delete(what);
    else if (verb === 'dir') dirs.add(what); else dirs.delete(what);
  }
});
process.stdin.on('end', () => {
  for (const pid of pids) try { process.kill(pid, 'SIGKILL'); } catch {}
  const clean = (left) => {
    for (const dir of dirs) try { rmSync(dir, { recursive: true, force: true }); dirs.delete(dir); } catch {}
    if (dirs.size > 0 && left > 0) setTimeout(() => clean(left - 1), 50); else process.exit(0);
  };
  setTimeout(() => clean(100), pids.size > 0 ? 200 : 0);
});
`;

let child: ChildProcess | null = null;

type Verb = 'pid' | 'no-pid' | 'dir' | 'no-dir';

/** Tells the watchdog of a server process or a temporary folder, or that one is gone. */
export function watch(verb: Verb, what: number | string): void {
  if (!child) {
    child = spawn(process.execPath, ['-e', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    child.unref();
    // A socket underneath, though typed as a stream.
    (child.stdin as unknown as { unref(): void }).unref();
    child.stdin!.on('error', () => {});
  }
  child.stdin!.write(`${JSON.stringify([verb, what])}\n`);
}
