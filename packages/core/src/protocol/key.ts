/**
 * The text form of keys: `keyspace:part:part`. A key without a colon is a *scope key*; it stands
 * for the whole keyspace.
 *
 * The encoding is injective: `%` and the characters that would end a part (`:`) or a Redis hash tag
 * (`{` `}`) are percent-escaped. The Postgres adapter has the same rule in SQL, so that triggers
 * and services name a row alike; a test compares the two.
 */

/** Longest encoded key, in UTF-16 code units. */
export const KEY_LENGTH_MAX = 1024;

const KEYSPACE_NAME = /^[a-z][a-z0-9_-]{0,63}$/;
const UNSAFE = /[%:{}]/g;
const ESCAPES: Readonly<Record<string, string>> = { '%': '%25', ':': '%3A', '{': '%7B', '}': '%7D' };

export function isKeyspaceName(name: string): boolean {
  return KEYSPACE_NAME.test(name);
}

/** Escapes one part of a key. Parts without special characters are returned as they are. */
export function encodeKeyPart(text: string): string {
  UNSAFE.lastIndex = 0;
  return UNSAFE.test(text) ? text.replace(UNSAFE, (char) => ESCAPES[char]!) : text;
}

/** The inverse of `encodeKeyPart`. */
export function decodeKeyPart(part: string): string {
  return part.replace(/%(25|3A|7B|7D)/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
}

/** `keyspace:part:part` from parts that are already escaped. */
export function joinKey(keyspace: string, parts: readonly string[]): string {
  return `${keyspace}:${parts.join(':')}`;
}

/** The keyspace that a key, or a scope key, belongs to. */
export function keyspaceOf(key: string): string {
  const colon = key.indexOf(':');
  return colon < 0 ? key : key.slice(0, colon);
}

/** True when the key stands for its whole keyspace. */
export function isScopeKey(key: string): boolean {
  return !key.includes(':');
}

/** True for text that `joinKey` or a keyspace name could have produced. */
export function isKey(key: unknown): key is string {
  return (
    typeof key === 'string' &&
    key.length <= KEY_LENGTH_MAX &&
    isKeyspaceName(keyspaceOf(key)) &&
    !/[{}]/.test(key)
  );
}
