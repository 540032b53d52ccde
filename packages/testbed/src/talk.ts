import { connect } from 'node:net';

const TALK_MAX_MS = 1_000;

/** Connects, sends `request`, and returns the first bytes of the answer. */
export function talk(port: number, request: string | Uint8Array | null): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(TALK_MAX_MS, () => fail(new Error(`port ${port} is silent`)));
    socket.once('error', fail);
    socket.once('connect', () => {
      if (request !== null) socket.write(request);
    });
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data);
    });
    socket.once('close', () => reject(new Error(`port ${port} closed the connection`)));
  });
}
