import type { StandardSchemaV1 } from '@standard-schema/spec';
import { FormatError, SchemaError } from '../ports/errors.ts';

/** Turns values into bytes and back. */
export interface Codec {
  encode(value: unknown): Uint8Array;
  /**
   * A value without cycles.
   *
   * @throws FormatError for bytes that `encode` can't have made
   */
  decode(data: Uint8Array): unknown;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** JSON as UTF-8: readable with `redis-cli`. */
export const jsonCodec: Codec = {
  encode: (value) => encoder.encode(JSON.stringify(value)),
  decode(data) {
    try {
      return JSON.parse(decoder.decode(data));
    } catch (cause) {
      throw new FormatError('a cached value is not JSON', { cause });
    }
  },
};

/** Freezes plain data all the way down, so that no caller can change what others will read. */
export function deepFreeze<T>(value: T): T {
  // A list instead of recursion: how deep a value is nested must not decide whether it can be read.
  const open: unknown[] = [value];
  while (open.length > 0) {
    const each = open.pop();
    if (typeof each !== 'object' || each === null || ArrayBuffer.isView(each) || Object.isFrozen(each))
      continue;
    Object.freeze(each);
    for (const child of Object.values(each)) open.push(child);
  }
  return value;
}

/** Deeper than this, a list goes on instead of the call stack. */
const CALLS_DEEP_MAX = 64;

/**
 * The same for a value without cycles, such as one that was decoded a moment ago. Children first: V8 lists the
 * properties of what is not frozen yet four times as fast.
 */
export function freezeTree<T>(value: T): T {
  return typeof value === 'object' && value !== null ? freezeBelow(value, 0) : value;
}

function freezeBelow<T extends object>(value: T, depth: number): T {
  if (depth === CALLS_DEEP_MAX) return deepFreeze(value);
  if (ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) {
    for (const child of value as unknown[]) if (isObject(child)) freezeBelow(child, depth + 1);
  } else {
    // What is decoded inherits nothing that could be listed; and own properties are all that is frozen.
    for (const name in value) {
      const child: unknown = value[name];
      if (isObject(child)) freezeBelow(child, depth + 1);
    }
  }
  return Object.freeze(value);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** @throws SchemaError when the value does not match, or when the schema is asynchronous */
export function validate<V>(
  key: string,
  schema: StandardSchemaV1<unknown, V> | undefined,
  value: unknown,
): V {
  if (!schema) return value as V;
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) throw new SchemaError(key, 'asynchronous schemas are not supported');
  if (result.issues) throw new SchemaError(key, result.issues.map((issue) => issue.message).join('; '));
  return result.value;
}
