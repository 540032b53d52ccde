import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { ConfigurationError, isKey } from '@tidemark/core';
import type { Peer } from '../peer.ts';
import { copyFrames, hotKeyFrames, keyFrames } from './export-answers.ts';
import {
  EXPORT_BODY_MAX,
  EXPORT_FORMAT,
  EXPORT_KEYS_MAX,
  EXPORT_TOKEN_LENGTH_MIN,
  type ExportAbout,
} from './export-format.ts';
import { frame, LAST_FRAME } from './frames.ts';

/** Answered at a time: each holds a hundred values in memory. Who comes then is asked to come again. */
const REQUESTS_MAX = 32;
const HEADERS_MS = 5_000;
const REQUEST_MS = 30_000;
/** A client that takes nothing for so long is given up. */
const SILENCE_MS = 30_000;

export interface ExportOptions {
  /** The region, by its store. */
  readonly peer: Peer;
  readonly region: string;
  /** Name of the source of truth: keys of another one mean something else. */
  readonly source: string;
  /** Whoever has it may read every cached value of the region. */
  readonly token: string;
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** PEM. Left out: plain HTTP, for loopback or behind what speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface Exporter {
  /** What a warm-up takes as `--from`. */
  readonly url: string;
  close(): Promise<void>;
}

class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Serves what a region may serve to those who have the token, so that another region can be warmed from it though
 * its Redis is not reachable from there. Changes nothing.
 *
 * @throws ConfigurationError for a token that could be guessed
 */
export async function startExport(options: ExportOptions): Promise<Exporter> {
  assertExportToken(options.token);
  const digest = sha256(`Bearer ${options.token}`);
  let running = 0;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    running += 1;
    void serve(options, digest, running, request, response).finally(() => (running -= 1));
  };
  const limits = { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS };
  const { tls, host, port } = options;
  const server = tls ? createTlsServer({ ...limits, ...tls }, handle) : createServer(limits, handle);
  server.setTimeout(SILENCE_MS);
  await listening(server, host, port);
  const address = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    async close() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** @throws ConfigurationError for a token that could be guessed */
export function assertExportToken(token: string): void {
  if (token.length >= EXPORT_TOKEN_LENGTH_MIN && /^[!-~]+$/.test(token)) return;
  throw new ConfigurationError(
    `the token of an export must be at least ${EXPORT_TOKEN_LENGTH_MIN} visible ASCII characters, such as from openssl rand -hex 32`,
  );
}

async function listening(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new ConfigurationError(`can't serve an export at ${host}:${port}: ${String(cause)}`, { cause });
  }
}

async function serve(
  options: ExportOptions,
  digest: Buffer,
  running: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (!timingSafeEqual(sha256(request.headers.authorization ?? ''), digest)) {
      throw new Refused(401, 'the token is missing or wrong');
    }
    if (running > REQUESTS_MAX) throw new Refused(503, 'too many requests at a time');
    const answer = await answerTo(options, request);
    if (!(Symbol.asyncIterator in answer)) {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
      return;
    }
    await send(request, response, answer);
  } catch (error) {
    refuse(response, error);
  }
}

async function answerTo(
  { peer, region, source }: ExportOptions,
  request: IncomingMessage,
): Promise<ExportAbout | AsyncIterable<Uint8Array>> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://export');
  switch (`${request.method} ${pathname}`) {
    case 'GET /v1/about':
      return { format: EXPORT_FORMAT, source, region, readMs: await peer.readMs() };
    case 'GET /v1/keys':
      return keyFrames(peer);
    case 'GET /v1/hot-keys': {
      const limit = Number(searchParams.get('limit'));
      if (!Number.isSafeInteger(limit) || limit < 1)
        throw new Refused(400, 'limit is no whole number from 1');
      return hotKeyFrames(peer, limit);
    }
    case 'POST /v1/copies':
      return copyFrames(peer, await keysOf(request));
    default:
      throw new Refused(404, 'there is no such thing here');
  }
}

async function keysOf(request: IncomingMessage): Promise<readonly string[]> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > EXPORT_BODY_MAX) throw new Refused(413, `at most ${EXPORT_BODY_MAX} bytes of keys`);
    chunks.push(chunk);
  }
  let keys: unknown;
  try {
    keys = JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Refused(400, 'the body is no JSON');
  }
  if (!Array.isArray(keys) || keys.length > EXPORT_KEYS_MAX || !keys.every(isKey)) {
    throw new Refused(400, `the body is no array of at most ${EXPORT_KEYS_MAX} keys`);
  }
  return keys;
}

/** As fast as the client takes it. The store is asked before anything is said, so that one that is away is a 503. */
async function send(
  request: IncomingMessage,
  response: ServerResponse,
  payloads: AsyncIterable<Uint8Array>,
): Promise<void> {
  const iterator = payloads[Symbol.asyncIterator]();
  const first = await iterator.next();
  const frames = async function* (): AsyncGenerator<Buffer> {
    for (let next = first; !next.done; next = await iterator.next()) yield frame(next.value);
    yield LAST_FRAME;
  };
  response.setHeader('content-type', 'application/octet-stream');
  const body = Readable.from(frames(), { objectMode: false });
  if (/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) {
    response.setHeader('content-encoding', 'gzip');
    await pipeline(body, createGzip({ level: constants.Z_BEST_SPEED }), response);
  } else await pipeline(body, response);
}

/** What is wrong inside the region is not told: the status says that it is worth trying again. */
function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, message } =
    error instanceof Refused ? error : { status: 503, message: "the region's store is away" };
  response.removeHeader('content-encoding');
  response.writeHead(status, {
    'content-type': 'text/plain',
    connection: 'close',
    ...(status === 503 && { 'retry-after': '1' }),
  });
  response.end(message);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
