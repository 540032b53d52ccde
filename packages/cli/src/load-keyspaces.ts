import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { type AnyKeyspace, ConfigurationError } from '@tidemark/core';

/**
 * The keyspaces that a module exports, by themselves or in arrays and objects.
 *
 * @throws ConfigurationError for a module that can't be loaded or has none
 */
export async function loadKeyspaces(path: string): Promise<readonly AnyKeyspace[]> {
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>;
  } catch (error) {
    throw new ConfigurationError(`--keyspaces ${path} can't be loaded: ${String(error)}`, { cause: error });
  }
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
