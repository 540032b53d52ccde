import { isLess, type Level } from './version.ts';

/**
 * Goes through what happened at instants, in order, and remembers the highest level so far. What happened at
 * one and the same instant has no order: nothing at it binds anything else at it.
 */
export class Rising<T> {
  #highest: { readonly level: Level; readonly item: T } | null = null;
  /** The highest of the instant that is being gone through. */
  #now: { readonly level: Level; readonly item: T } | null = null;
  #atMs = Number.NEGATIVE_INFINITY;

  /** What was higher before this instant; null when nothing was. */
  above(level: Level, atMs: number): T | null {
    this.#moveTo(atMs);
    return this.#highest && isLess(level, this.#highest.level) ? this.#highest.item : null;
  }

  raise(level: Level, item: T, atMs: number): void {
    this.#moveTo(atMs);
    if (!this.#now || isLess(this.#now.level, level)) this.#now = { level, item };
  }

  #moveTo(atMs: number): void {
    if (atMs === this.#atMs) return;
    this.#atMs = atMs;
    if (this.#now && (!this.#highest || isLess(this.#highest.level, this.#now.level)))
      this.#highest = this.#now;
    this.#now = null;
  }
}
