import { KeyError } from '../ports/errors.ts';
import { decodeKeyPart, encodeKeyPart, joinKey, KEY_LENGTH_MAX } from '../protocol/key.ts';

/** Type of a key parameter. */
export type ParamType = 'int' | 'string' | 'boolean';
export type ParamTypes = Readonly<Record<string, ParamType>>;

/** A lone surrogate has no UTF-8 form, and NUL none in Postgres: such keys could become one. */
const UNENCODABLE = /\p{Surrogate}|\0/u;

interface ParamValue {
  int: number;
  string: string;
  boolean: boolean;
}

/** The parameters of one key, from their declared types. */
export type Params<P extends ParamTypes> = { readonly [K in keyof P]: ParamValue[P[K]] };

/** Makes the function that encodes a keyspace's parameters, in declared order. */
export function keyEncoder<P extends ParamTypes>(keyspace: string, types: P): (params: Params<P>) => string {
  const fields = Object.entries(types);
  const [first, ...rest] = fields;
  // One integer parameter is by far the most common key, and reads are hot.
  if (first && rest.length === 0 && first[1] === 'int') {
    const [name] = first;
    const prefix = `${keyspace}:`;
    return (params) => {
      const value = (params as Record<string, unknown>)[name];
      return Number.isSafeInteger(value) ? prefix + String(value) : encodeParam(keyspace, name, 'int', value);
    };
  }
  return (params) => {
    const parts = fields.map(([name, type]) =>
      encodeParam(keyspace, name, type, (params as Record<string, unknown>)[name]),
    );
    const key = joinKey(keyspace, parts);
    if (key.length > KEY_LENGTH_MAX) {
      throw new KeyError(
        keyspace,
        `a key of ${keyspace} is ${key.length} characters long, at most ${KEY_LENGTH_MAX} are allowed`,
      );
    }
    return key;
  };
}

/** Makes the inverse of the encoder; it answers null for a key that the encoder can't have made. */
export function keyDecoder<P extends ParamTypes>(
  keyspace: string,
  types: P,
): (key: string) => Params<P> | null {
  const fields = Object.entries(types);
  const encode = keyEncoder(keyspace, types);
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
    if (UNENCODABLE.test(value)) {
      throw new KeyError(
        keyspace,
        `parameter ${name} of ${keyspace} is not well-formed text (lone surrogate or NUL)`,
      );
    }
    return encodeKeyPart(value);
  }
  throw new KeyError(
    keyspace,
    `parameter ${name} of ${keyspace} must be ${type}, got ${typeof value} ${String(value)}`,
  );
}
