import { createHash } from 'node:crypto';

/** `hash`: told apart, not told. */
export type KeyDisplay = 'hash' | 'plain' | 'none';

const DIGITS = 16;

/** A key as span attributes. */
export function showKey(key: unknown, display: KeyDisplay): Readonly<Record<string, string>> {
  if (typeof key !== 'string' || display === 'none') return {};
  return display === 'plain' ? { 'tidemark.key': key } : { 'tidemark.key_hash': hashKey(key) };
}

/** As in `tidemark.key_hash`, so that a known key can be searched for. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, DIGITS);
}
