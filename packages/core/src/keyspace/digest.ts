import { hash } from 'node:crypto';

/** Characters of a text that its digest shows. */
const SHOWN_MAX = 24;
const UNSHOWN = /[^A-Za-z0-9._-]/gu;

/** Length of a digest as part of a key: what is shown, `~`, and 256 bits in base64url. */
export const DIGEST_LENGTH_MAX = SHOWN_MAX + 1 + 43;

/**
 * A part of a key for text of any length and content: the beginning of the text, for people, and the SHA-256 of
 * all of it, for everything else. Nothing in it needs escaping. The Postgres adapter has the same rule in SQL
 * (`tidemark.digest_part`); a test compares the two.
 *
 * @param text well-formed: a lone surrogate has no UTF-8 form
 */
export function digestKeyPart(text: string): string {
  // By code points, as Postgres counts: each is one or two units long.
  const shown = Array.from(text.slice(0, 2 * SHOWN_MAX))
    .slice(0, SHOWN_MAX)
    .join('')
    .replace(UNSHOWN, '_');
  return `${shown}~${hash('sha256', text, 'base64url')}`;
}
