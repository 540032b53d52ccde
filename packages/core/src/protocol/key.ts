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
const UNPORTABLE = /\p{Surrogate}|\0/u;
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

/**
 * True for text that every store, bus and source can carry as it is, with the name of a keyspace in front:
 * what `joinKey` makes of escaped parts, and names of keyspaces.
 */
export function isKey(key: unknown): key is string {
  return (
    typeof key === 'string' &&
    key.length <= KEY_LENGTH_MAX &&
    isKeyspaceName(keyspaceOf(key)) &&
    !/[{}]/.test(key) &&
    isPortable(key)
  );
}

/**
 * A lone surrogate has no UTF-8 form, so that several keys would become one on their way; and NUL has none
 * in Postgres.
 */
export function isPortable(text: string): boolean {
  return !UNPORTABLE.test(text);
}
