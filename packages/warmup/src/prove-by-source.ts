import { compareVersions, type CopiedValue, type SourceOfTruth } from '@tidemark/core';
import type { CopiedBlock } from './copied-block.ts';

/**
 * The values whose versions, and those of all that they were made from, the source still has: they are right as of
 * now, however old they are. One version query.
 */
export async function proveBySource(
  source: Pick<SourceOfTruth, 'labels'>,
  values: readonly CopiedValue[],
): Promise<CopiedBlock> {
  const keys = [
    ...new Set(values.flatMap(({ key, dependencies }) => [key, ...dependencies.map((each) => each.key)])),
  ];
  const { asOf, versions, scopes } = await source.labels(keys);
  const at = new Map(keys.map((key, i) => [key, i]));
  const isStill = ({ key, version, scope }: Pick<CopiedValue, 'key' | 'version' | 'scope'>): boolean => {
    const i = at.get(key)!;
    return compareVersions(version, versions[i]!) === 0 && scope === scopes[i]!;
  };
  return { asOf, values: values.filter((value) => isStill(value) && value.dependencies.every(isStill)) };
}
