import { connect, type Socket } from 'node:net';
import type { ConnectionOptions } from 'nats';
import { NodeTransport } from 'nats/lib/src/node_transport.js';

type Place = Parameters<NodeTransport['dial']>[0];

/** Connection options of a link that answers for the sockets of its client. */
export interface LinkOptions extends ConnectionOptions {
  readonly tidemarkAttempts: Attempts;
}

/**
 * The sockets that a client opens, so that none outlives its attempt to connect.
 *
 * Left alone, the client forgets an attempt that it gives up: a server that accepts connections and never
 * answers costs a socket for each retry, and each of them keeps the process alive (nats-io/nats.js#64). It
 * has no way in for this, and any other `connect` in the process replaces a transport factory. So the
 * transports of links, and only these, get other methods; the client's version is pinned for it.
 */
export class Attempts {
  readonly #sockets = new Set<Socket>();
  #ended = false;

  constructor() {
    prepareTransports();
  }

  /** Ends all of them, at once, and every later one. */
  end(): void {
    this.#ended = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** @internal */
  adopt(transport: NodeTransport): void {
    const close = transport.close.bind(transport);
    const tlsFirst = transport.tlsFirst.bind(transport);
    transport.close = (error) => {
      if (!transport.connected) transport.socket?.destroy();
      return close(error);
    };
    transport.dial = (place) => this.#dial(transport, place);
    transport.tlsFirst = async (place) => {
      await this.#dial(transport, place); // TLS goes on with the transport's socket.
      return tlsFirst(place);
    };
  }

  async #dial(transport: NodeTransport, { port, hostname }: Place): Promise<Socket> {
    if (this.#ended) throw new Error('this link is closed');
    // The client removes all listeners of its sockets, so none could say here that one has ended.
    for (const socket of this.#sockets) if (socket.destroyed) this.#sockets.delete(socket);
    const socket = connect({ port, host: hostname, noDelay: true });
    this.#sockets.add(socket);
    transport.socket = socket; // At once: the attempt may be given up before it is connected.
    await connected(socket);
    return socket;
  }
}

let isPrepared = false;

function prepareTransports(): void {
  if (isPrepared) return;
  isPrepared = true;
  const { connect: attempt } = NodeTransport.prototype;
  NodeTransport.prototype.connect = function (place, options) {
    (options as Partial<LinkOptions>).tidemarkAttempts?.adopt(this);
    return attempt.call(this, place, options);
  };
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const givenUp = (): void => reject(new Error('the attempt was given up'));
    socket.once('error', reject).once('close', givenUp);
    socket.once('connect', () => {
      socket.off('error', reject).off('close', givenUp);
      resolve();
    });
  });
}
