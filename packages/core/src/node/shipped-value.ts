import type { Codec } from '../keyspace/codec.ts';
import type { ShippedValue } from '../protocol/event.ts';
import type { Loaded } from './loader.ts';
import type { AnyKeyspace } from './options.ts';

/** Encoded bytes of a value that may ride along with its invalidation. */
export const SHIPPED_BYTES_MAX = 16_384;

/**
 * A loaded value for the peers; null when it can't be shipped: too big, or made from other keys,
 * which every region must label by itself.
 */
export function shippedValue(
  keyspace: AnyKeyspace,
  key: string,
  { value, label, dependencies, moved }: Loaded,
  codec: Codec,
): ShippedValue | null {
  if (!label || moved || dependencies.length > 0) return null;
  const data = value === null ? null : codec.encode(value);
  if (data && data.byteLength > SHIPPED_BYTES_MAX) return null;
  const { version, scope, asOf } = label;
  return {
    key,
    version,
    scope,
    asOf,
    schema: keyspace.schemaVersion,
    data: data && Buffer.from(data).toString('base64'),
  };
}
