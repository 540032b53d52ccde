import { DEPENDENCIES_MAX, type Dependency, isKey, isOrdinal } from '@tidemark/core';

/** `[[key, era, n, scope, incarnation, epoch], …]`; empty text for none. */
export function dependenciesText(dependencies: readonly Dependency[]): string {
  if (dependencies.length === 0) return '';
  return JSON.stringify(
    dependencies.map(({ key, version, scope, incarnation, epoch }) => [
      key,
      version.era,
      version.n,
      scope,
      incarnation,
      epoch,
    ]),
  );
}

/** Null for anything that `dependenciesText` can't have made: the value must not be served then. */
export function parseDependencies(text: string): Dependency[] | null {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(raw) || raw.length === 0 || raw.length > DEPENDENCIES_MAX) return null;
  const dependencies = raw.map(parseOne);
  return dependencies.every((each) => each !== null) ? dependencies : null;
}

function parseOne(raw: unknown): Dependency | null {
  if (!Array.isArray(raw) || raw.length !== 6) return null;
  const [key, era, n, scope, incarnation, epoch] = raw as unknown[];
  if (!isKey(key) || typeof incarnation !== 'string') return null;
  if (!isOrdinal(era) || !isOrdinal(n) || !isOrdinal(scope) || !isOrdinal(epoch)) return null;
  return { key, version: { era, n }, scope, incarnation, epoch };
}
