import { ConfigurationError, TooManyDependenciesError } from '../ports/errors.ts';
import type { SourceLabels } from '../ports/source.ts';
import { DEPENDENCIES_MAX, type Label } from '../protocol/dependency.ts';
import { isKey } from '../protocol/key.ts';
import { comparePositions, type Position, POSITION_NONE } from '../protocol/position.ts';
import { compareVersions } from '../protocol/version.ts';

type Ask = (keys: readonly string[]) => Promise<SourceLabels>;

/** The labels of one load, each asked for before what it labels was read, on the same server. */
export class LabelBook {
  readonly #ask: Ask;
  readonly #labels = new Map<string, Label>();
  #asOf: Position | null = null;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Horizon of the first snapshot: nothing that was read since is older. */
  get asOf(): Position {
    return this.#asOf ?? POSITION_NONE;
  }

  /** Asks for labels that are not known yet. Those that are stay as they were: older is safe. */
  async note(keys: readonly string[]): Promise<void> {
    const missing = [...new Set(keys)].filter((key) => !this.#labels.has(key));
    if (missing.length === 0) return;
    const { versions, scopes, asOf } = await this.#ask(missing);
    if (!this.#asOf || comparePositions(asOf, this.#asOf) < 0) this.#asOf = asOf;
    missing.forEach((key, i) => this.#labels.set(key, { key, version: versions[i]!, scope: scopes[i]! }));
  }

  /**
   * Asks once more for all that was noted. What did not move since labels exactly what was read in
   * between; of what moved, nothing read is newer than the answer.
   */
  async again(): Promise<ReadonlyMap<string, Label>> {
    const keys = [...this.#labels.keys()];
    const { versions, scopes } = await this.#ask(keys);
    return new Map(keys.map((key, i) => [key, { key, version: versions[i]!, scope: scopes[i]! }]));
  }

  /** The label of a key that was noted. */
  of(key: string): Label {
    return this.#labels.get(key)!;
  }
}

/** Whether a key's label is still the same. */
export function isSameLabel(a: Label, b: Label | undefined): boolean {
  return b !== undefined && compareVersions(a.version, b.version) === 0 && a.scope === b.scope;
}

/** @throws ConfigurationError for what is not a key, TooManyDependenciesError for too many */
export function checkDependencies(key: string, dependencies: readonly string[]): void {
  for (const dependency of dependencies) {
    if (!isKey(dependency)) {
      throw new ConfigurationError(
        `${key} can't depend on ${JSON.stringify(dependency)}: use keyspace.key(params), tag(name) or a keyspace's name`,
      );
    }
  }
  if (dependencies.length > DEPENDENCIES_MAX) throw new TooManyDependenciesError(key, DEPENDENCIES_MAX);
}
