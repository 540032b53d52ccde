import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ConsoleError } from './console-error.ts';

const SECRET_BYTES = 32;

/**
 * Decides which requests are answered. Whoever has the token of the printed address gets a cookie; the cookie, and only
 * for our own page at our own address, opens the rest.
 *
 * - Host: a name that a stranger's DNS points to 127.0.0.1 is not ours (DNS rebinding).
 * - Origin and Sec-Fetch-Site: pages of other ports of this machine are the same site, and send the cookie too.
 */
export class Guard {
  readonly token = randomBytes(SECRET_BYTES).toString('base64url');
  readonly #session = randomBytes(SECRET_BYTES).toString('base64url');
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  get cookieName(): string {
    // Cookies are shared by all ports of a host.
    return `tidemark-console-${this.#port}`;
  }

  /** @throws ConsoleError */
  checkHost({ host }: IncomingHttpHeaders): void {
    if (this.#hosts.includes(host ?? '')) return;
    throw foreign(`this console answers at ${this.#hosts[0]} only`);
  }

  /** @throws ConsoleError */
  checkSite(headers: IncomingHttpHeaders, { acting }: { readonly acting: boolean }): void {
    const { origin } = headers;
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin') throw foreign('another page may not ask this console');
    if (origin === undefined && !acting) return;
    if (origin !== `http://${headers.host}`) throw foreign('another page may not act on this console');
  }

  /** The cookie for the right token. @throws ConsoleError */
  open({ authorization }: IncomingHttpHeaders): string {
    const given = /^Bearer ([\w-]{1,128})$/.exec(authorization ?? '')?.[1];
    if (given === undefined || !same(given, this.token)) throw wrongToken();
    return `${this.cookieName}=${this.#session}; HttpOnly; SameSite=Strict; Path=/`;
  }

  /** @throws ConsoleError */
  checkCookie({ cookie = '' }: IncomingHttpHeaders): void {
    const mine = cookie
      .split(';')
      .map((part) => part.trim())
      .filter((part) => part.startsWith(`${this.cookieName}=`))
      .map((part) => part.slice(this.cookieName.length + 1));
    if (!mine.some((value) => same(value, this.#session))) throw wrongToken();
  }

  get #hosts(): readonly string[] {
    return [`127.0.0.1:${this.#port}`, `localhost:${this.#port}`];
  }
}

/** Takes as long for any text: hashes are of one length, and compared in constant time. */
function same(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

function foreign(message: string): ConsoleError {
  return new ConsoleError('E_CONSOLE_FOREIGN', 403, message);
}

function wrongToken(): ConsoleError {
  return new ConsoleError(
    'E_CONSOLE_TOKEN',
    401,
    'open the address that the console printed, with the token at its end',
  );
}
