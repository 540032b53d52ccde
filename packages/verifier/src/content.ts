import { isDeepStrictEqual } from 'node:util';
import {
  type AnyKeyspace,
  type Codec,
  compareVersions,
  type LoadContext,
  livePin,
  type SourceLabels,
  type SourceOfTruth,
  type SqlExecutor,
  type StoredValue,
  validateValue,
} from '@tidemark/core';

const LOAD_MAX_MS = 10_000;

/** How to read what services cached. */
export interface Contents {
  readonly keyspaceOf: (key: string) => AnyKeyspace | undefined;
  readonly codec: Codec;
}

export type Read =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly kind: 'corrupt' | 'wrong-schema'; readonly text: string };

/** Reads a stored value as a service of the present release would. */
export function readContent(
  key: string,
  { data, schema }: StoredValue,
  keyspace: AnyKeyspace,
  codec: Codec,
): Read | null {
  if (schema !== keyspace.schemaVersion) return null; // Another release's, which alone can read it.
  if (data === null) return { ok: true, value: null };
  let decoded: unknown;
  try {
    decoded = codec.decode(data);
  } catch (error) {
    return {
      ok: false,
      kind: 'corrupt',
      text: `its ${data.byteLength} bytes can't be decoded: ${textOf(error)}`,
    };
  }
  try {
    validateValue(key, keyspace.schema, decoded);
  } catch (error) {
    return { ok: false, kind: 'wrong-schema', text: `the schema refuses its content: ${textOf(error)}` };
  }
  return { ok: true, value: decoded };
}

/** Whether a value is labelled with just what the source has of its key, and of all that it was made from. */
export function isLabelled(value: StoredValue, labels: SourceLabels): boolean {
  return [{ version: value.version, scope: value.scope }, ...value.dependencies].every(
    ({ version, scope }, i) =>
      compareVersions(version, labels.versions[i]!) === 0 && scope === labels.scopes[i],
  );
}

/**
 * Loads what a value should be. Only between two equal looks at its labels is it known what it has to equal: null when
 * they differ from the value's, or move meanwhile, or the key has no such parameters.
 */
export async function loadContent(
  source: SourceOfTruth<SqlExecutor, SqlExecutor>,
  key: string,
  value: StoredValue,
  { keyspaceOf, codec }: Contents,
): Promise<{ readonly value: unknown } | null> {
  const keyspace = keyspaceOf(key);
  const params = keyspace?.params(key);
  if (!keyspace || !params) return null;
  const asked = [key, ...value.dependencies.map((each) => each.key)];
  if (!isLabelled(value, await source.labels(asked))) return null;
  const [pinned] = keyspace.retain > 0 && source.pins ? await source.pins.read([key]) : [null];
  const pin = livePin(pinned ?? null, value.version);
  const context: LoadContext<unknown> = {
    db: source.db,
    signal: AbortSignal.timeout(LOAD_MAX_MS),
    depend: async () => {},
  };
  const loaded: unknown =
    pin?.schema === keyspace.schemaVersion
      ? pin.data && codec.decode(pin.data)
      : await keyspace.load(params, context);
  if (!isLabelled(value, await source.labels(asked))) return null;
  if (loaded === null || loaded === undefined) return { value: null };
  // As it comes out of a cache.
  return { value: codec.decode(codec.encode(validateValue(key, keyspace.schema, loaded))) };
}

export function isSameContent(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : String(error);
}
