import {
  type CopiedValue,
  DEPENDENCIES_MAX,
  isKey,
  isOrdinal,
  isVersion,
  type Label,
  type Position,
} from '@tidemark/core';
import { decode, encode } from '@msgpack/msgpack';
import type { CopiedBlock } from '../copied-block.ts';

/** Values of one block. */
export const BLOCK_VALUES_MAX = 10_000;

/** `[era, xid, [[key, era, n, scope, schema, fresh ms, stale ms, data or nil, [[key, era, n, scope]…]]…]]` in MessagePack. */
export function encodeBlock({ asOf, values }: CopiedBlock): Uint8Array {
  return encode([
    asOf.era,
    asOf.xid,
    values.map(({ key, version, scope, schema, freshMs, staleMs, data, dependencies }) => [
      key,
      version.era,
      version.n,
      scope,
      schema,
      freshMs,
      staleMs,
      data,
      dependencies.map((each) => [each.key, each.version.era, each.version.n, each.scope]),
    ]),
  ]);
}

/** Null for bytes that `encodeBlock` can't have made. Never throws. */
export function decodeBlock(bytes: Uint8Array): CopiedBlock | null {
  let raw: unknown;
  try {
    raw = decode(bytes);
  } catch {
    return null;
  }
  if (!Array.isArray(raw) || raw.length !== 3) return null;
  const [era, xid, list] = raw as unknown[];
  if (!isOrdinal(era) || !isOrdinal(xid) || !Array.isArray(list) || list.length > BLOCK_VALUES_MAX)
    return null;
  const asOf: Position = { era, xid };
  const values = list.map(valueOf);
  return values.every((each) => each !== null) ? { asOf, values } : null;
}

function valueOf(raw: unknown): CopiedValue | null {
  if (!Array.isArray(raw) || raw.length !== 9) return null;
  const [key, era, n, scope, schema, freshMs, staleMs, data, made] = raw as unknown[];
  const label = labelOf([key, era, n, scope]);
  if (!label || !isOrdinal(schema) || !isMs(freshMs) || !isMs(staleMs)) return null;
  if (data !== null && !(data instanceof Uint8Array)) return null;
  if (!Array.isArray(made) || made.length > DEPENDENCIES_MAX) return null;
  const dependencies = made.map(labelOf);
  if (!dependencies.every((each) => each !== null)) return null;
  return { ...label, schema, freshMs, staleMs, data, dependencies };
}

function labelOf(raw: unknown): Label | null {
  if (!Array.isArray(raw) || raw.length !== 4) return null;
  const [key, era, n, scope] = raw as unknown[];
  const version = { era, n };
  return isKey(key) && isVersion(version) && isOrdinal(scope) ? { key, version, scope } : null;
}

function isMs(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
