import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { RegionError } from './errors.ts';
import { type Region, RegionSet } from './region-set.ts';

const SCHEMA_FILE = fileURLToPath(new URL('../../../regions/schema.json', import.meta.url));
const VARIABLE = /\$\{([A-Z0-9_]+)(?::-([^}]*))?\}/g;

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads every region file of a folder. @throws RegionError naming the file and what to change */
export async function loadRegions(dir: string, env: Environment = process.env): Promise<RegionSet> {
  const names = await readdir(dir).catch((cause: unknown) => {
    throw new RegionError(dir, 'there is no such folder of region files', { cause });
  });
  const paths = names.filter((name) => name.endsWith('.json')).sort().map((name) => join(dir, name));
  if (paths.length === 0) throw new RegionError(dir, 'there are no region files (*.json) in this folder');
  const validate = new Ajv({ allErrors: true }).compile<Region>(await readJson(SCHEMA_FILE) as object);
  const files = await Promise.all(
    paths.map(async (path) => {
      const raw = await readJson(path);
      if (!validate(raw)) {
        const [error] = validate.errors ?? [];
        throw new RegionError(path, `${error?.instancePath || 'the file'} ${error?.message ?? 'is not valid'}`);
      }
      return { path, region: { ...raw, endpoints: resolveEndpoints(path, raw.endpoints, env) } };
    }),
  );
  // The home region first, then by name.
  files.sort((a, b) => Number(b.region.role === 'home') - Number(a.region.role === 'home'));
  return new RegionSet(dir, files);
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new RegionError(path, `can't be read as JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function resolveEndpoints(path: string, endpoints: Region['endpoints'], env: Environment): Region['endpoints'] {
  const resolve = (field: string, text: string): string =>
    text.replace(VARIABLE, (_, name: string, fallback: string | undefined) => {
      const value = env[name] ?? fallback;
      if (value === undefined) throw new RegionError(path, `endpoints.${field} needs the environment variable ${name}`);
      return value;
    });
  return {
    redis: resolve('redis', endpoints.redis),
    nats: resolve('nats', endpoints.nats),
    postgres: resolve('postgres', endpoints.postgres),
  };
}
