import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A path to a NATS server that can begin to answer nothing, while it goes on accepting connections. */
export interface FickleServer {
  readonly url: string;
  /** Connections that their client has not closed. */
  readonly open: ReadonlySet<Socket>;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** From now on new connections get this text and then nothing; those that work are reset. */
  silence(text?: string): void;
  close(): Promise<void>;
}

/** Without a `target` it is silent from the start, but for `greeting`. */
export async function startFickle(options: {
  readonly target?: { readonly host: string; readonly port: number };
  readonly greeting?: string;
}): Promise<FickleServer> {
  let { target, greeting = '' } = options;
  let accepted = 0;
  const open = new Set<Socket>();
  const piped = new Set<Socket>();
  const server = createServer((client) => {
    accepted += 1;
    open.add(client);
    client.on('error', () => {}).on('close', () => open.delete(client));
    if (!target) {
      client.write(greeting);
      client.resume();
      return;
    }
    const onwards = connect(target.port, target.host).on('error', () => {});
    piped.add(client);
    client.pipe(onwards).pipe(client);
    client.on('close', () => onwards.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open,
    get accepted() {
      return accepted;
    },
    silence(text = '') {
      target = undefined;
      greeting = text;
      for (const client of piped) client.resetAndDestroy();
    },
    async close() {
      for (const client of open) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
