import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ConsoleError } from './console-error.ts';

/** Beside the compiled sources, and from the sources themselves. */
const FILE = new URL('../dist/page.html', import.meta.url);

export interface Page {
  readonly html: Buffer;
  /** The policy that lets a browser run what is in the page, and load nothing else from anywhere. */
  readonly policy: string;
}

/** @throws ConsoleError when it was not built */
export async function loadPage(): Promise<Page> {
  const html = await readFile(FILE).catch((cause: unknown) => {
    throw new ConsoleError(
      'E_CONSOLE_NOT_BUILT',
      500,
      'the page is not built; in a checkout run npm run build',
      {
        cause,
      },
    );
  });
  const text = html.toString('utf8');
  const hashes = (tag: string): string =>
    [...text.matchAll(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`, 'g'))]
      .map(([, inside]) => `'sha256-${createHash('sha256').update(inside!).digest('base64')}'`)
      .join(' ');
  return {
    html,
    policy: [
      "default-src 'none'",
      `script-src ${hashes('script')}`,
      `style-src ${hashes('style')}`,
      "connect-src 'self'",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
  };
}
