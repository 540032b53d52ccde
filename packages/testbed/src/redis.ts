import { needBinary } from './find-binary.ts';
import { deployFile } from './deploy-file.ts';
import { type Server, startServer } from './server.ts';
import { talk } from './talk.ts';

/** Starts a Redis from `deploy/redis/redis.conf`; `args` are further `--name value` settings. */
export async function startRedis(options: { readonly args?: readonly string[] } = {}): Promise<Server> {
  const file = await needBinary('redis-server');
  return startServer({
    name: 'redis',
    stopSignal: 'SIGTERM',
    orphanSignal: 'SIGKILL',
    url: (port) => `redis://127.0.0.1:${port}`,
    command: async ({ dataDir, port }) => ({
      file,
      args: [
        deployFile('redis/redis.conf'),
        '--bind',
        '127.0.0.1',
        '--port',
        String(port),
        '--dir',
        dataDir,
        ...(options.args ?? []),
      ],
    }),
    ready: async (port) => (await talk(port, 'PING\r\n')).toString().startsWith('+PONG'),
  });
}
