import type { Params, ParamTypes } from '../keyspace/params.ts';
import type { Consistency } from './consistency.ts';
import type { AnyKeyspace } from './options.ts';
import type { ReadPath } from './read-path.ts';

/** Values in the order asked: L1 first, then one store command and one batched load for the rest. */
export async function readMany(
  reads: ReadPath,
  keyspace: AnyKeyspace,
  params: readonly Params<ParamTypes>[],
  keys: readonly string[],
  consistency: Consistency,
): Promise<unknown[]> {
  const values = keys.map(
    (key, i): unknown => reads.l1Reader.hit(keyspace, params[i]!, key, consistency)?.value,
  );
  const absent = keys.map((_, i) => i).filter((i) => values[i] === undefined);
  if (absent.length === 0) return values;
  const results = await reads.missMany(
    keyspace,
    absent.map((i) => params[i]!),
    absent.map((i) => keys[i]!),
    consistency,
  );
  absent.forEach((i, at) => (values[i] = results[at]!.value));
  return values;
}
