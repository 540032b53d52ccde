import { RegionError } from './errors.ts';
import type { Region } from './region-set.ts';

const REFERENCE = /\$\{([^}]*)\}/g;
const INSIDE = /^([A-Z][A-Z0-9_]*)(?::-(.*))?$/;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Replaces `${VARIABLE}` and `${VARIABLE:-default}`, as a shell does. @throws RegionError */
export function resolveEndpoints(
  path: string,
  endpoints: Region['endpoints'],
  env: Environment,
): Region['endpoints'] {
  const resolve = (name: keyof Region['endpoints']): string =>
    endpoints[name].replace(REFERENCE, (reference, inside: string) => {
      const field = `endpoints.${name}`;
      const [, variable, fallback] = INSIDE.exec(inside) ?? [];
      if (variable === undefined) {
        const message = `${reference} is not a reference; write \${VARIABLE} or \${VARIABLE:-default}`;
        throw new RegionError('E_REGION_INVALID', path, field, message);
      }
      const value = env[variable] || fallback;
      if (value) return value;
      const message = `the environment variable ${variable} is not set`;
      throw new RegionError('E_REGION_VARIABLE_MISSING', path, field, message);
    });
  return { redis: resolve('redis'), nats: resolve('nats'), postgres: resolve('postgres') };
}
