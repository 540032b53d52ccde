import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { type Environment, resolveEndpoints } from './endpoints.ts';
import { RegionError } from './errors.ts';
import { type Region, type RegionFile, RegionSet } from './region-set.ts';
import { regionSchema } from './schema.ts';

const FILES_MAX = 65;

/**
 * Reads every region file (`*.json`) of a folder and checks them against each other.
 * @throws RegionError naming the file, the field and what to change
 */
export async function loadRegions(dir: string, env: Environment = process.env): Promise<RegionSet> {
  const names = (await list(dir)).filter((name) => name.endsWith('.json')).toSorted();
  if (names.length === 0 || names.length > FILES_MAX) {
    const message = `this folder holds ${names.length} region files (*.json); a set has 1 to ${FILES_MAX}`;
    throw new RegionError('E_REGION_UNREADABLE', dir, null, message);
  }
  const validate = new Ajv({ allErrors: true }).compile<Region>(regionSchema);
  const files: RegionFile[] = [];
  // One after the other: of several mistakes, always the same one is reported.
  for (const name of names) files.push(await readRegion(join(dir, name), validate, env));
  return new RegionSet(dir, files);
}

async function list(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (cause) {
    throw new RegionError('E_REGION_UNREADABLE', dir, null, 'there is no such folder', { cause });
  }
}

async function readRegion(
  path: string,
  validate: ValidateFunction<Region>,
  env: Environment,
): Promise<RegionFile> {
  let raw: unknown;
  try {
    raw = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RegionError('E_REGION_UNREADABLE', path, null, `can't be read as JSON: ${why}`, { cause });
  }
  if (!validate(raw)) throw invalid(path, validate.errors?.[0]);
  const { endpoints, id, role, peers, location } = raw;
  return {
    path,
    region: {
      id,
      role,
      peers,
      endpoints: resolveEndpoints(path, endpoints, env),
      ...(location && { location }),
    },
  };
}

function invalid(path: string, error: ErrorObject | undefined): RegionError {
  const field = error?.instancePath.slice(1).replaceAll('/', '.') || null;
  const params: Readonly<Record<string, unknown>> = error?.params ?? {};
  const detail = params['additionalProperty'] ?? params['allowedValues'];
  const message = `${error?.message ?? 'is not valid'}${detail === undefined ? '' : ` (${JSON.stringify(detail)})`}`;
  return new RegionError('E_REGION_INVALID', path, field, message);
}
