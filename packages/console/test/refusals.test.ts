import { request } from 'node:http';
import type { Mesh } from '@tidemark/inspect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensurePage } from '../bin/build-page.mjs';
import { type RunningConsole, startConsole } from '../src/index.ts';
import { openNowhere } from './nowhere.ts';

let nowhere: { readonly mesh: Mesh; close(): Promise<void> };
let looking: RunningConsole;
let acting: RunningConsole;

beforeAll(async () => {
  [nowhere] = await Promise.all([openNowhere(), ensurePage()]);
  [looking, acting] = await Promise.all([
    startConsole({ mesh: nowhere.mesh }),
    startConsole({ mesh: nowhere.mesh, allowActions: true, cuts: { cut: [], setCut() {} } }),
  ]);
});

afterAll(async () => {
  await Promise.all([looking?.close(), acting?.close()]);
  await nowhere?.close();
});

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Any headers, also those that a browser would not let a page set. */
function ask(
  { port }: RunningConsole,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let text = '';
      // A stream of events does not end.
      if (response.headers['content-type'] === 'text/event-stream') {
        response.on('error', () => {});
        return resolve({ status: response.statusCode!, code: undefined, headers: response.headers });
      }
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => {
        const { error } = (text.startsWith('{') ? JSON.parse(text) : {}) as { error?: { code: string } };
        resolve({ status: response.statusCode!, code: error?.code, headers: response.headers });
      });
    });
    asked.on('error', reject);
    asked.end(method === 'POST' ? body : undefined);
  });
}

const tokenOf = ({ url }: RunningConsole): string => url.split('#token=')[1]!;
const originOf = ({ port }: RunningConsole): string => `http://127.0.0.1:${port}`;

async function sessionOf(of: RunningConsole): Promise<Record<string, string>> {
  const { status, headers } = await ask(of, 'POST', '/api/session', {
    origin: originOf(of),
    authorization: `Bearer ${tokenOf(of)}`,
  });
  expect(status).toBe(204);
  return { cookie: String(headers['set-cookie']).split(';')[0]! };
}

const json = { 'content-type': 'application/json' };
const PATHS = [
  ['GET', '/api/stream'],
  ['GET', '/api/key?key=item:1'],
  ['POST', '/api/invalidate'],
  ['POST', '/api/cut'],
  ['POST', '/api/heal'],
] as const;

describe('the console refuses', () => {
  it.each(PATHS)('%s %s without the cookie, or with that of another console', async (method, path) => {
    const origin = originOf(acting);
    expect(await ask(acting, method, path, { origin, ...json }, '{}')).toMatchObject({
      status: 401,
      code: 'E_CONSOLE_TOKEN',
    });
    const { cookie } = await sessionOf(looking);
    expect(await ask(acting, method, path, { origin, cookie: cookie!, ...json }, '{}')).toMatchObject({
      status: 401,
    });
  });

  it('a wrong token', async () => {
    for (const authorization of [`Bearer ${tokenOf(looking)}`, 'Bearer x', '']) {
      const answer = await ask(acting, 'POST', '/api/session', { origin: originOf(acting), authorization });
      expect(answer).toMatchObject({ status: 401, code: 'E_CONSOLE_TOKEN' });
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });

  it.each([['GET', '/'] as const, ...PATHS])(
    '%s %s for another host: DNS rebinding',
    async (method, path) => {
      const session = await sessionOf(acting);
      for (const host of ['evil.example', `evil.example:${acting.port}`, `127.0.0.1:${acting.port + 1}`]) {
        const answer = await ask(acting, method, path, {
          ...session,
          ...json,
          host,
          origin: `http://${host}`,
        });
        expect(answer).toMatchObject({ status: 403, code: 'E_CONSOLE_FOREIGN' });
      }
    },
  );

  it.each(PATHS)('%s %s from another page', async (method, path) => {
    const session = await sessionOf(acting);
    for (const from of [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: `http://127.0.0.1:${acting.port + 1}` },
      { origin: originOf(acting), 'sec-fetch-site': 'same-site' },
    ]) {
      expect(await ask(acting, method, path, { ...session, ...json, ...from }, '{}')).toMatchObject({
        status: 403,
        code: 'E_CONSOLE_FOREIGN',
      });
    }
  });

  it('to act for a request that does not say from where it comes', async () => {
    const session = await sessionOf(acting);
    const answer = await ask(acting, 'POST', '/api/heal', { ...session, ...json }, '{"region":"eu"}');
    expect(answer).toMatchObject({ status: 403, code: 'E_CONSOLE_FOREIGN' });
  });

  it.each([
    ['/api/invalidate', { key: 'item:1' }],
    ['/api/cut', { region: 'eu' }],
    ['/api/heal', { region: 'eu' }],
  ])('%s when it was started to look only', async (path, body) => {
    const headers = { ...(await sessionOf(looking)), ...json, origin: originOf(looking) };
    expect(await ask(looking, 'POST', path, headers, JSON.stringify(body))).toMatchObject({
      status: 403,
      code: 'E_CONSOLE_READ_ONLY',
    });
  });

  it.each([
    ['/api/cut', json, '{"region":"mars"}', 'E_CONSOLE_REQUEST'],
    ['/api/cut', json, '{"region":"__proto__"}', 'E_CONSOLE_REQUEST'],
    ['/api/cut', json, '{"region":1}', 'E_CONSOLE_REQUEST'],
    ['/api/cut', json, '{"region":"eu","more":"x"}', 'E_CONSOLE_REQUEST'],
    ['/api/cut', json, 'null', 'E_CONSOLE_REQUEST'],
    ['/api/cut', json, '{', 'E_CONSOLE_REQUEST'],
    ['/api/cut', json, `{"region":"${'x'.repeat(5_000)}"}`, 'E_CONSOLE_REQUEST'],
    ['/api/cut', { 'content-type': 'text/plain' }, '{"region":"eu"}', 'E_CONSOLE_REQUEST'],
    ['/api/invalidate', json, '{"key":"not a key"}', 'E_KEY'],
  ])('%s of %j: what can not be meant %#', async (path, type, body, code) => {
    const headers = { ...(await sessionOf(acting)), ...type, origin: originOf(acting) };
    expect(await ask(acting, 'POST', path, headers, body)).toMatchObject({ status: 400, code });
  });

  it('what is not there, and a key that can not be one', async () => {
    expect(await ask(looking, 'GET', '/etc/passwd')).toMatchObject({
      status: 404,
      code: 'E_CONSOLE_REQUEST',
    });
    expect(await ask(looking, 'DELETE', '/')).toMatchObject({ status: 404 });
    const session = await sessionOf(looking);
    expect(await ask(looking, 'GET', '/api/key?key=nonsense', session)).toMatchObject({
      status: 400,
      code: 'E_KEY',
    });
  });

  it('more pages than it can tell', async () => {
    const session = await sessionOf(looking);
    const open = await Promise.all(
      Array.from({ length: 16 }, () => ask(looking, 'GET', '/api/stream', session)),
    );
    expect(new Set(open.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await ask(looking, 'GET', '/api/stream', session)).toMatchObject({
      status: 503,
      code: 'E_CONSOLE_BUSY',
    });
  });
});

it('the page lets nothing in, and can not be framed', async () => {
  const { status, headers } = await ask(looking, 'GET', '/');
  const policy = String(headers['content-security-policy']);
  expect(status).toBe(200);
  expect(policy).toMatch(
    /^default-src 'none'; script-src 'sha256-[^' ]+'; style-src 'sha256-[^' ]+'; connect-src 'self'/,
  );
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|https?:/);
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  });
});

it('a port that is taken is said', async () => {
  await expect(startConsole({ mesh: nowhere.mesh, port: looking.port })).rejects.toMatchObject({
    code: 'E_CONSOLE_PORT',
  });
});
