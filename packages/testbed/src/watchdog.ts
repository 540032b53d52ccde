import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../bin/watchdog.mjs', import.meta.url));

/** What the watchdog is told of. */
export type WatchdogNote =
  /** A server runs; `signal` ends it without leaving anything. */
  | { readonly verb: 'pid'; readonly what: number; readonly signal: NodeJS.Signals }
  | { readonly verb: 'no-pid'; readonly what: number }
  | { readonly verb: 'dir' | 'no-dir'; readonly what: string };

let watchdog: ChildProcess | null = null;

/** Tells this process's watchdog, which cleans up when this process dies without doing so. */
export function watch(note: WatchdogNote): void {
  watchdog ??= startWatchdog();
  watchdog.stdin?.write(`${JSON.stringify(note)}\n`);
}

/** Has a child of this process killed when this process dies; call the answer once the child is gone. */
export function watchProcess(pid: number): () => void {
  watch({ verb: 'pid', what: pid, signal: 'SIGKILL' });
  return () => watch({ verb: 'no-pid', what: pid });
}

function startWatchdog(): ChildProcess {
  const mark = writeMark();
  const args = mark === null ? [SCRIPT] : [SCRIPT, mark];
  // Nothing of how this process was started, such as loaders, concerns the child.
  const env = { ...process.env, NODE_OPTIONS: '' };
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true, env });
  child.unref();
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  // A socket underneath, though typed as a stream: it must not keep this process alive.
  (child.stdin as unknown as { unref(): void }).unref();
  return child;
}

/** A file that is there as long as the watchdog, for `npm test` to wait for; null when nobody waits. */
function writeMark(): string | null {
  const dir = process.env['TIDEMARK_WATCHDOG_DIR'];
  if (!dir) return null;
  const mark = join(dir, randomUUID());
  try {
    writeFileSync(mark, '');
    return mark;
  } catch {
    return null; // Whoever waited is gone.
  }
}
