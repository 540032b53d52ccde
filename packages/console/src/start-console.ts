import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TidemarkError } from '@tidemark/core';
import type { Mesh } from '@tidemark/inspect';
import type { Failure, Hello } from './api.ts';
import { Clients } from './clients.ts';
import { ConsoleError } from './console-error.ts';
import { Guard } from './guard.ts';
import { Lookout, type RunningVerifier } from './lookout.ts';
import { loadPage } from './page.ts';
import { type Cuts, ROUTES, type Served } from './routes.ts';
import { Slots } from './slots.ts';

const HOST = '127.0.0.1';
const CONNECTIONS_MAX = 64;
const HEADERS_MAX_MS = 5_000;
const REQUEST_MAX_MS = 30_000;
const QUESTIONS_MAX = 4;

export interface ConsoleOptions {
  /** Open, and closed by whoever opened it, after the console. */
  readonly mesh: Mesh;
  /** 0, the default: any that is free. */
  readonly port?: number;
  /** Whether keys can be invalidated from the page. Default: it only looks. */
  readonly allowActions?: boolean;
  /** Buttons that cut regions off and heal them: for demos. */
  readonly cuts?: Cuts;
  /** Whose counts are shown as nines, and its findings. */
  readonly verifier?: RunningVerifier;
}

export interface RunningConsole {
  /** With the token: whoever has it may look, and act when actions are allowed. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves the page on this machine, and looks at the mesh until it is closed.
 *
 * @throws ConsoleError when the page is not built, or the port can't be had
 */
export async function startConsole(options: ConsoleOptions): Promise<RunningConsole> {
  const { mesh, allowActions = false, cuts = null, verifier } = options;
  const page = await loadPage();
  const server = createServer({ headersTimeout: HEADERS_MAX_MS, requestTimeout: REQUEST_MAX_MS });
  server.maxConnections = CONNECTIONS_MAX;
  const port = await listen(server, options.port ?? 0);
  const guard = new Guard(port);
  const clients = new Clients();
  const lookout = new Lookout({
    mesh,
    ...(verifier && { verifier }),
    cutHere: () => cuts?.cut ?? [],
    onTick: (tick) => clients.tell('tick', tick),
  });
  const regions = mesh.regions.map(({ region }) => region.id);
  const hello = (): Hello => ({
    source: mesh.source,
    namespace: mesh.namespace,
    regions,
    home: mesh.set.home.id,
    actions: allowActions,
    cuts: cuts !== null,
    ...lookout.hello(),
  });
  const questions = new Slots(QUESTIONS_MAX);
  const served: Served = { guard, page, clients, mesh, hello, questions, actions: allowActions, cuts };
  server.on('request', (request, response) => void answer(served, request, response));
  await lookout.start();
  return {
    url: `http://${HOST}:${port}/#token=${guard.token}`,
    port,
    async close() {
      await lookout.stop();
      clients.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new ConsoleError('E_CONSOLE_PORT', 500, `port ${port} can't be had: ${cause.message}`, { cause }),
      ),
    );
    server.listen(port, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

async function answer(served: Served, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    served.guard.checkHost(request.headers);
    const url = new URL(request.url ?? '/', `http://${HOST}`);
    const route = ROUTES[`${request.method} ${url.pathname}`];
    if (!route) throw new ConsoleError('E_CONSOLE_REQUEST', 404, `there is nothing at ${url.pathname}`);
    await route(served, request, response, url);
  } catch (error) {
    refuse(response, error);
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  const coded = error instanceof TidemarkError;
  const body: Failure = {
    error: {
      code: coded ? error.code : 'E_UNEXPECTED',
      message: error instanceof Error ? error.message : String(error),
    },
  };
  response.writeHead(statusOf(error), { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(body));
}

/** Names that can't be meant are the asker's mistake; servers that are away are nobody's. */
function statusOf(error: unknown): number {
  if (error instanceof ConsoleError) return error.status;
  if (!(error instanceof TidemarkError)) return 500;
  return error.code === 'E_KEY' || error.code === 'E_CONFIGURATION' ? 400 : 502;
}
