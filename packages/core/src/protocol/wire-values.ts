import type { ShippedValue } from './event.ts';
import { isKey } from './key.ts';
import { isOrdinal } from './version.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** Values in one message. */
export const MESSAGE_VALUES_MAX = 50;

/** `[[key, era, n, scope, as-of era, as-of xid, schema, base64 or null], …]`. */
export function packValues(values: readonly ShippedValue[]): unknown[] {
  return values.map(({ key, version, scope, asOf, schema, data }) => [
    key,
    version.era,
    version.n,
    scope,
    asOf.era,
    asOf.xid,
    schema,
    data,
  ]);
}

export function unpackValues(raw: unknown): ShippedValue[] | null {
  if (!Array.isArray(raw) || raw.length > MESSAGE_VALUES_MAX) return null;
  const values = raw.map(unpackValue);
  return values.every((each) => each !== null) ? values : null;
}

function unpackValue(raw: unknown): ShippedValue | null {
  if (!Array.isArray(raw)) return null;
  const [key, era, n, scope, asOfEra, asOfXid, schema, text] = raw as unknown[];
  if (!isKey(key) || !isOrdinal(era) || !isOrdinal(n) || !isOrdinal(scope)) return null;
  if (!isOrdinal(asOfEra) || !isOrdinal(asOfXid) || !isOrdinal(schema)) return null;
  if (text !== null && (typeof text !== 'string' || !BASE64.test(text))) return null;
  return { key, version: { era, n }, scope, asOf: { era: asOfEra, xid: asOfXid }, schema, data: text };
}
