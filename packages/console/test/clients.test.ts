import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { Clients } from '../src/clients.ts';

let server: Server;

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

it('a page that does not read is dropped, and costs a bounded queue; the others go on', async () => {
  const clients = new Clients();
  const dropped: string[] = [];
  server = createServer((asked, response) => {
    response.on('close', () => dropped.push(asked.url!));
    clients.add(response, { hello: true });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const open = (path: string, onData: ((text: string) => void) | null): Promise<void> =>
    new Promise((resolve) => {
      request({ host: '127.0.0.1', port, path }, (response) => {
        response.on('error', () => {});
        if (onData) response.on('data', (chunk: Buffer) => onData(chunk.toString()));
        resolve();
      }).end();
    });
  let heard = '';
  await open('/slow', null);
  await open('/reads', (text) => (heard = (heard + text).slice(-200)));
  const much = 'x'.repeat(500_000);
  await vi.waitFor(
    () => {
      clients.tell('tick', much);
      expect(dropped).toEqual(['/slow']);
    },
    { timeout: 10_000, interval: 5 },
  );
  clients.tell('tick', 'the end');
  await vi.waitFor(() => expect(heard).toContain('event: tick\ndata: "the end"\n\n'), { timeout: 10_000 });
  clients.close();
  await vi.waitFor(() => expect(dropped).toEqual(['/slow', '/reads']), { timeout: 5_000 });
});
