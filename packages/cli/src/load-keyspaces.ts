import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { type AnyKeyspace, type Codec, ConfigurationError, jsonCodec, keyspaceOf } from '@tidemark/core';

/**
 * The keyspaces that a module exports, by themselves or in arrays and objects.
 *
 * @throws ConfigurationError for a module that can't be loaded or has none
 */
export async function loadKeyspaces(path: string): Promise<readonly AnyKeyspace[]> {
  return keyspacesIn(await load(path), path);
}

/**
 * How to read what services cached: a module's keyspaces, and the codec that it exports as `codec`, else JSON.
 *
 * @throws ConfigurationError for a module that can't be loaded or has no keyspaces
 */
export async function loadContents(
  path: string,
): Promise<{ readonly keyspaceOf: (key: string) => AnyKeyspace | undefined; readonly codec: Codec }> {
  const module = await load(path);
  const byName = new Map(keyspacesIn(module, path).map((each) => [each.name, each]));
  const { codec } = module;
  return { keyspaceOf: (key) => byName.get(keyspaceOf(key)), codec: isCodec(codec) ? codec : jsonCodec };
}

async function load(path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>;
  } catch (error) {
    throw new ConfigurationError(`--keyspaces ${path} can't be loaded: ${String(error)}`, { cause: error });
  }
}

function keyspacesIn(module: Record<string, unknown>, path: string): readonly AnyKeyspace[] {
  const found = new Set<AnyKeyspace>();
  for (const value of Object.values(module)) {
    const candidates =
      isKeyspace(value) || typeof value !== 'object' || value === null ? [value] : Object.values(value);
    for (const each of candidates) if (isKeyspace(each)) found.add(each);
  }
  if (found.size === 0) {
    throw new ConfigurationError(`--keyspaces ${path} exports no keyspace; export what keyspace() returned`);
  }
  return [...found];
}

function isKeyspace(value: unknown): value is AnyKeyspace {
  if (typeof value !== 'object' || value === null) return false;
  const { name, key, params, load } = value as Partial<Record<keyof AnyKeyspace, unknown>>;
  return [key, params, load].every((each) => typeof each === 'function') && typeof name === 'string';
}

function isCodec(value: unknown): value is Codec {
  if (typeof value !== 'object' || value === null) return false;
  const { encode, decode } = value as Partial<Record<keyof Codec, unknown>>;
  return typeof encode === 'function' && typeof decode === 'function';
}
