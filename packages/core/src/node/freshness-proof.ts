import type { StoreMeta } from '../protocol/record.ts';
import type { Claim } from '../protocol/wire.ts';

/**
 * What a node can prove about its region: every write acknowledged before `closedMs`, on this
 * node's own monotonic clock, is applied in its L1 and in every store state that shows the claim's
 * incarnation and at least its revision.
 */
export class FreshnessProof {
  #closedMs = Number.NEGATIVE_INFINITY;
  #incarnation = '';
  #revision = 0;

  /** The closed time; -Infinity when nothing is proven. */
  get closedMs(): number {
    return this.#closedMs;
  }

  /** Takes over a claim whose ping this node sent at `sentAtMs`. Closed time never goes back. */
  accept(claim: Claim, sentAtMs: number): void {
    if (sentAtMs < this.#closedMs) return;
    this.#closedMs = sentAtMs;
    this.#incarnation = claim.incarnation;
    this.#revision = claim.revision;
  }

  /** The closed time that an answer with this meta may borrow. */
  closedFor(meta: StoreMeta): number {
    return this.shows(meta) ? this.#closedMs : Number.NEGATIVE_INFINITY;
  }

  /** Whether the store state is at least the one that the latest claim speaks of. */
  shows(meta: StoreMeta): boolean {
    if (this.#closedMs === Number.NEGATIVE_INFINITY) return true;
    return meta.incarnation === this.#incarnation && meta.revision >= this.#revision;
  }

  /** Nothing is proven any more. */
  drop(): void {
    this.#closedMs = Number.NEGATIVE_INFINITY;
  }
}
