import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deployFile } from './deploy-file.ts';
import { needBinary } from './find-binary.ts';
import { type Server, startServer } from './server.ts';
import { talk } from './talk.ts';

export interface NatsOptions {
  /** The server's name: its region. Default `test`. */
  readonly name?: string;
  /** A file of `deploy/nats/`. Default `nats.conf`. */
  readonly config?: string;
  /** Further environment variables that the file refers to. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a NATS server with JetStream from a configuration file of `deploy/nats/`. */
export async function startNats(options: NatsOptions = {}): Promise<Server> {
  const file = await needBinary('nats-server');
  const { name = 'test', config: source = 'nats.conf', env } = options;
  return startServer({
    name: 'nats',
    stopSignal: 'SIGTERM',
    orphanSignal: 'SIGKILL',
    url: (port) => `nats://127.0.0.1:${port}`,
    command: async ({ dir, dataDir, port }) => {
      const config = join(dir, 'nats.conf');
      await writeFile(config, `include ${JSON.stringify(relativeTo(dir, deployFile(`nats/${source}`)))}\n`);
      return {
        file,
        args: ['-c', config, '-a', '127.0.0.1', '-p', String(port)],
        env: { ...process.env, ...env, TIDEMARK_REGION: name, TIDEMARK_NATS_STORE: JSON.stringify(dataDir) },
      };
    },
    ready: async (port) => (await talk(port, null)).toString().startsWith('INFO'),
  });
}

/** `include` takes paths relative to the including file only. */
function relativeTo(dir: string, path: string): string {
  return '../'.repeat(dir.split('/').length - 1) + path.slice(1);
}
