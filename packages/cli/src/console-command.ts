import { ConfigurationError } from '@tidemark/core';
import { startConsole, verifyBeside } from '@tidemark/console';
import { type Command, InvalidArgumentError } from 'commander';
import { EXIT_CODES } from './exit-codes.ts';
import { loadContents } from './load-keyspaces.ts';
import { type MeshFlags, withMesh, withOpenMesh } from './mesh-flags.ts';
import { say } from './place-flags.ts';

interface ConsoleFlags extends MeshFlags {
  readonly port: number;
  readonly allowActions?: true;
  readonly verify?: true;
  readonly keyspaces?: string;
}

async function show(flags: ConsoleFlags): Promise<void> {
  const { keyspaces, verify } = flags;
  if (keyspaces !== undefined && !verify)
    throw new ConfigurationError(
      '--keyspaces is for --verify, which compares what they cache with the source',
    );
  const contents = keyspaces === undefined ? null : await loadContents(keyspaces);
  const ending = new AbortController();
  const end = (): void => ending.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  try {
    await withOpenMesh(flags, async (mesh) => {
      const verifier = verify ? verifyBeside(mesh, contents) : null;
      try {
        const running = await startConsole({
          mesh,
          port: flags.port,
          allowActions: flags.allowActions === true,
          ...(verifier && { verifier }),
        });
        const { url, port } = running;
        say(flags, { type: 'ready', url, port }, `console: ${url}\nThe address is its key. Ctrl-C ends it.`);
        await new Promise<void>((resolve) => {
          if (ending.signal.aborted) resolve();
          else ending.signal.addEventListener('abort', () => resolve(), { once: true });
        });
        await running.close();
      } finally {
        await verifier?.stop();
      }
    });
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, end);
  }
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('Give a port from 1 to 65535, or 0 for any that is free.');
}

/** Adds `console`. */
export function addConsoleCommand(root: Command): void {
  withMesh(root.command('console'))
    .description('serves a live page of the mesh on this machine, until Ctrl-C')
    .option('--port <number>', 'on 127.0.0.1; 0: any that is free', portNumber, 0)
    .option('--allow-actions', 'let the page invalidate keys (default: it only looks)')
    .option('--verify', 'run a verifier beside it, and show its nines and findings')
    .option('--keyspaces <module>', 'of --verify: compare contents with the source, too; see tidemark verify')
    .addHelpText(
      'after',
      `${EXIT_CODES}
It prints an address with a token: whoever has it may look, nobody else. It is served on 127.0.0.1 only; from another machine
go there by ssh -L. The page loads nothing from anywhere.

Examples:
  tidemark console --regions regions/local --source shop
  tidemark console --regions regions/local --source shop --port 7070 --allow-actions
  tidemark console --regions regions/local --source shop --verify --keyspaces dist/keyspaces.js`,
    )
    .action(show);
}
