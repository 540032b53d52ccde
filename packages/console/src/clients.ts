import type { ServerResponse } from 'node:http';
import { ConsoleError } from './console-error.ts';

const CLIENTS_MAX = 16;
/** A page that is so far behind does not read any more. */
const BEHIND_MAX_BYTES = 4 * 2 ** 20;

/** The pages that are open: they are told of everything, and one that does not listen is dropped. */
export class Clients {
  readonly #open = new Set<ServerResponse>();

  /** @throws ConsoleError when there are too many */
  add(response: ServerResponse, hello: unknown): void {
    if (this.#open.size >= CLIENTS_MAX) {
      throw new ConsoleError(
        'E_CONSOLE_BUSY',
        503,
        `${CLIENTS_MAX} pages are open already; close one and reload this one`,
      );
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.on('close', () => this.#open.delete(response));
    this.#open.add(response);
    // Pages that were dropped come back by themselves.
    response.write('retry: 1000\n\n');
    this.#send(response, 'hello', JSON.stringify(hello));
  }

  /** Encodes once, for all of them. */
  tell(name: string, data: unknown): void {
    if (this.#open.size === 0) return;
    const text = JSON.stringify(data);
    for (const response of this.#open) this.#send(response, name, text);
  }

  close(): void {
    for (const response of this.#open) response.destroy();
  }

  #send(response: ServerResponse, name: string, text: string): void {
    if (response.writableLength > BEHIND_MAX_BYTES) {
      this.#open.delete(response);
      response.destroy();
      return;
    }
    response.write(`event: ${name}\ndata: ${text}\n\n`);
  }
}
