import type { Label } from '../protocol/dependency.ts';

/** Which entries were made from a key, so that its rising drops them. */
export class Dependents {
  readonly #byDependency = new Map<string, Set<string>>();

  add(key: string, dependencies: readonly Label[]): void {
    for (const dependency of dependencies) {
      const known = this.#byDependency.get(dependency.key);
      if (known) known.add(key);
      else this.#byDependency.set(dependency.key, new Set([key]));
    }
  }

  remove(key: string, dependencies: readonly Label[]): void {
    for (const dependency of dependencies) {
      const known = this.#byDependency.get(dependency.key);
      if (known?.delete(key) && known.size === 0) this.#byDependency.delete(dependency.key);
    }
  }

  of(dependency: string): Iterable<string> {
    return this.#byDependency.get(dependency) ?? [];
  }

  clear(): void {
    this.#byDependency.clear();
  }
}
