import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watch } from './watchdog.ts';

/** Below every system's ephemeral range, so no outgoing connection takes the port of a stopped server. */
const FIRST = 12_000;
const LAST = 32_000;
const ATTEMPTS_MAX = 200;

/** A port that no other process of this test bed uses until it is released, even while nobody listens. */
export interface PortClaim {
  readonly port: number;
  release(): Promise<void>;
}

/** Claims a TCP port on loopback that nobody listens on. */
export async function claimPort(): Promise<PortClaim> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    const mark = join(tmpdir(), `tidemark-port-${port}`);
    try {
      mkdirSync(mark);
    } catch {
      continue; // Another process has it.
    }
    watch({ verb: 'dir', what: mark });
    const release = async (): Promise<void> => {
      await rm(mark, { recursive: true, force: true });
      watch({ verb: 'no-dir', what: mark });
    };
    if (await isFree(port)) return { port, release };
    await release();
  }
  throw new Error(`found no free TCP port on loopback between ${FIRST} and ${LAST}; stop some servers`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
