import type { StandardSchemaV1 } from '@standard-schema/spec';
import { SchemaError } from '../ports/errors.ts';

/** Turns values into bytes and back. */
export interface Codec {
  /** @throws ValueError for a value that would not come back unchanged */
  encode(value: unknown): Uint8Array;
  /**
   * A value without cycles.
   *
   * @throws FormatError for bytes that `encode` can't have made
   */
  decode(data: Uint8Array): unknown;
}

export { deepFreeze, freezeTree } from './freeze.ts';
export { jsonCodec } from './json-codec.ts';

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
