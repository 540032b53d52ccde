import { KeyError } from '../ports/errors.ts';
import { intKeys, textKeys } from './key-memo.ts';
import { digestKeyPart } from './digest.ts';
import { decodeKeyPart, encodeKeyPart, isPortable, joinKey, KEY_LENGTH_MAX } from '../protocol/key.ts';

/**
 * Type of a key parameter. `digest` is text of any length and content, such as a URL or a search: the key has its
 * beginning and a hash of all of it, so that the parameter can't be read back from the key.
 */
export type ParamType = 'int' | 'string' | 'boolean' | 'digest';
export type ParamTypes = Readonly<Record<string, ParamType>>;

/** Characters of a wrong value that its error shows. */
const SHOWN_MAX = 60;

interface ParamValue {
  int: number;
  string: string;
  boolean: boolean;
  digest: string;
}

/** The parameters of one key, from their declared types. */
export type Params<P extends ParamTypes> = { readonly [K in keyof P]: ParamValue[P[K]] };

/** Makes the function that encodes a keyspace's parameters, in declared order. */
export function keyEncoder<P extends ParamTypes>(keyspace: string, types: P): (params: Params<P>) => string {
  const fields = Object.entries(types);
  const [first, ...rest] = fields;
  // One parameter is by far the most common key, and reads are hot.
  if (first && rest.length === 0) {
    const [name, type] = first;
    const encode = (value: unknown): string =>
      checkLength(keyspace, joinKey(keyspace, [encodeParam(keyspace, name, type, value)]));
    const recall = type === 'int' ? intKeys(encode) : type === 'boolean' ? encode : textKeys(encode);
    return (params) => recall((params as Record<string, unknown> | undefined)?.[name]);
  }
  const parts = fields.map(([name, type]) => ({ name, recall: partMemo(keyspace, name, type) }));
  return (params) => {
    let key = keyspace;
    for (const { name, recall } of parts) {
      key += `:${recall((params as Record<string, unknown> | undefined)?.[name])}`;
    }
    return checkLength(keyspace, key);
  };
}

/** Checking, escaping and digesting text costs more than finding what came of it before; writing a number does not. */
function partMemo(keyspace: string, name: string, type: ParamType): (value: unknown) => string {
  const encode = (value: unknown): string => encodeParam(keyspace, name, type, value);
  return type === 'string' || type === 'digest' ? textKeys(encode) : encode;
}

function checkLength(keyspace: string, key: string): string {
  if (key.length <= KEY_LENGTH_MAX) return key;
  throw new KeyError(
    keyspace,
    `a key of ${keyspace} is ${key.length} characters long, at most ${KEY_LENGTH_MAX} are allowed`,
  );
}

/** Whether the parameters of a key can be read back from it. */
export function isInvertible(types: ParamTypes): boolean {
  return !Object.values(types).includes('digest');
}

/**
 * Makes the inverse of the encoder; it answers null for a key that the encoder can't have made, and for every
 * key with a digest.
 */
export function keyDecoder<P extends ParamTypes>(
  keyspace: string,
  types: P,
): (key: string) => Params<P> | null {
  const fields = Object.entries(types);
  const encode = keyEncoder(keyspace, types);
  if (!isInvertible(types)) return () => null;
  return (key) => {
    const parts = key.split(':').slice(1);
    if (parts.length !== fields.length) return null;
    const params = Object.fromEntries(
      fields.map(([name, type], i) => [name, decodeParam(type, parts[i]!)]),
    ) as Params<P>;
    try {
      return encode(params) === key ? params : null;
    } catch {
      return null;
    }
  };
}

function decodeParam(type: ParamType, part: string): number | boolean | string {
  if (type === 'int') return Number(part);
  if (type === 'boolean') return part === 'true';
  return decodeKeyPart(part);
}

function encodeParam(keyspace: string, name: string, type: ParamType, value: unknown): string {
  if (type === 'int' && Number.isSafeInteger(value)) return String(value);
  if (type === 'boolean' && typeof value === 'boolean') return String(value);
  if (type === 'string' && typeof value === 'string') {
    if (!isPortable(value)) {
      throw new KeyError(
        keyspace,
        `parameter ${name} of ${keyspace} is not well-formed text (lone surrogate or NUL)`,
      );
    }
    return encodeKeyPart(value);
  }
  if (type === 'digest' && typeof value === 'string') {
    // NUL is no character of the digest.
    if (isPortable(value.replaceAll('\0', ''))) return digestKeyPart(value);
    throw new KeyError(keyspace, `parameter ${name} of ${keyspace} is not well-formed text (lone surrogate)`);
  }
  throw new KeyError(
    keyspace,
    `parameter ${name} of ${keyspace} must be ${type === 'digest' ? 'text (digest)' : type}, got ${typeof value}${shown(value)}`,
  );
}

/** What came from outside may be of any size, and an object need not have a text form. */
function shown(value: unknown): string {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return isObject ? '' : ` ${String(value).slice(0, SHOWN_MAX)}`;
}
