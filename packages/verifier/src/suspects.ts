import { idOf, type Suspicion } from './finding.ts';
import type { DueCheck } from './schedule.ts';

/** A second look comes at least so long after the first: no race lasts as long. */
const CONFIRM_AFTER_MS = 700;
/** What could not be looked at again for so long is forgotten: a check at a later age meets it anew. */
const FORGET_AFTER_MS = 60_000;
/** Suspicions that wait for their second look; beyond it they are left to the next check that meets them. */
const SUSPECTS_MAX = 1_000;
/** Findings that are remembered, so that each is told once; then the oldest may be told again. */
const TOLD_MAX = 10_000;

/** What one look raised, and the check that it was part of; null: it has no age. */
export interface Raised {
  readonly suspicion: Suspicion;
  readonly check: DueCheck | null;
}

interface Waiting extends Raised {
  readonly firstMs: number;
}

/** A key that wants a second look, and the checks that are to be judged again with it. */
export interface SecondLook {
  readonly key: string;
  readonly checks: readonly DueCheck[];
}

/** Nothing is a finding before a second look shows the same: a verifier that cries wolf is not believed. */
export class Suspects {
  readonly #waiting = new Map<string, Waiting>();
  readonly #told = new Set<string>();

  /** Whether anything waits for its second look. */
  get any(): boolean {
    return this.#waiting.size > 0;
  }

  /** What is to be looked at again now. */
  due(nowMs: number): readonly SecondLook[] {
    const looks = new Map<string, DueCheck[]>();
    for (const [id, { suspicion, check, firstMs }] of this.#waiting) {
      if (nowMs - firstMs > FORGET_AFTER_MS) this.#waiting.delete(id);
      if (nowMs - firstMs < CONFIRM_AFTER_MS) continue;
      const checks = looks.get(suspicion.key) ?? [];
      looks.set(suspicion.key, check ? [...checks, check] : checks);
    }
    return [...looks].map(([key, checks]) => ({ key, checks }));
  }

  /**
   * What a look raised.
   *
   * @param judged whether the look would have raised this again: what it did not is no longer suspected
   * @returns what it confirms, each once
   */
  look(
    judged: (suspicion: Suspicion) => boolean,
    raised: readonly Raised[],
    nowMs: number,
  ): readonly Suspicion[] {
    const again = new Map(raised.map((each) => [idOf(each.suspicion), each]));
    for (const [id, { suspicion }] of this.#waiting) {
      if (!again.has(id) && judged(suspicion)) this.#waiting.delete(id);
    }
    const confirmed: Suspicion[] = [];
    for (const [id, each] of again) {
      if (this.#told.has(id)) continue;
      const waiting = this.#waiting.get(id);
      if (!waiting) {
        if (this.#waiting.size < SUSPECTS_MAX) this.#waiting.set(id, { ...each, firstMs: nowMs });
      } else if (nowMs - waiting.firstMs >= CONFIRM_AFTER_MS) {
        this.#waiting.delete(id);
        this.#tell(id);
        confirmed.push(each.suspicion);
      }
    }
    return confirmed;
  }

  #tell(id: string): void {
    if (this.#told.size >= TOLD_MAX) {
      for (const oldest of this.#told) {
        this.#told.delete(oldest);
        break;
      }
    }
    this.#told.add(id);
  }
}
