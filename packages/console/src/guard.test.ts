import { describe, expect, it } from 'vitest';
import { ConsoleError } from './console-error.ts';
import { Guard } from './guard.ts';

const guard = new Guard(7070);
const host = '127.0.0.1:7070';

function codeOf(work: () => unknown): string | null {
  try {
    work();
    return null;
  } catch (error) {
    return error instanceof ConsoleError ? error.code : 'other';
  }
}

describe('the guard', () => {
  it.each([
    ['127.0.0.1:7070', null],
    ['localhost:7070', null],
    ['127.0.0.1:7071', 'E_CONSOLE_FOREIGN'],
    ['evil.example:7070', 'E_CONSOLE_FOREIGN'],
    ['127.0.0.1:7070.evil.example', 'E_CONSOLE_FOREIGN'],
    [undefined, 'E_CONSOLE_FOREIGN'],
  ])('asked as %s: %s', (name, code) => {
    expect(codeOf(() => guard.checkHost(name === undefined ? {} : { host: name }))).toBe(code);
  });

  it.each([
    [{}, null, 'E_CONSOLE_FOREIGN'],
    [{ origin: 'http://127.0.0.1:7070' }, null, null],
    [{ origin: 'http://127.0.0.1:9999' }, 'E_CONSOLE_FOREIGN', 'E_CONSOLE_FOREIGN'],
    [{ origin: 'null' }, 'E_CONSOLE_FOREIGN', 'E_CONSOLE_FOREIGN'],
    [{ origin: 'https://127.0.0.1:7070' }, 'E_CONSOLE_FOREIGN', 'E_CONSOLE_FOREIGN'],
    [{ 'sec-fetch-site': 'same-site' }, 'E_CONSOLE_FOREIGN', 'E_CONSOLE_FOREIGN'],
    [{ 'sec-fetch-site': 'none' }, 'E_CONSOLE_FOREIGN', 'E_CONSOLE_FOREIGN'],
    [{ origin: 'http://127.0.0.1:7070', 'sec-fetch-site': 'same-origin' }, null, null],
  ])('from %j: to look %s, to act %s', (headers, looking, acting) => {
    expect(codeOf(() => guard.checkSite({ host, ...headers }, { acting: false }))).toBe(looking);
    expect(codeOf(() => guard.checkSite({ host, ...headers }, { acting: true }))).toBe(acting);
  });

  it('gives its cookie for the token only, and takes that cookie only', () => {
    const cookie = guard.open({ authorization: `Bearer ${guard.token}` });
    expect(cookie).toMatch(/^tidemark-console-7070=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/);
    const value = cookie.split(';')[0]!;
    expect(value).not.toContain(guard.token);
    expect(codeOf(() => guard.checkCookie({ cookie: `other=1; ${value}` }))).toBe(null);
    for (const authorization of [
      '',
      'Bearer',
      `Bearer ${guard.token}x`,
      `Basic ${guard.token}`,
      'Bearer ../..',
    ])
      expect(codeOf(() => guard.open({ authorization }))).toBe('E_CONSOLE_TOKEN');
    for (const wrong of ['', `tidemark-console-7070=${guard.token}`, `x${value}`, `${value}x`])
      expect(codeOf(() => guard.checkCookie({ cookie: wrong }))).toBe('E_CONSOLE_TOKEN');
  });

  it('has secrets of its own in every life', () => {
    expect(new Guard(7070).token).not.toBe(guard.token);
  });
});
