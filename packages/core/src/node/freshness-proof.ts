import type { StoreMeta } from '../protocol/record.ts';
import type { Claim } from '../protocol/wire.ts';

/** Lives of stores that are remembered; the longest unheard of is forgotten first. */
const LIVES_MAX = 1024;
const UNPROVEN = Number.NEGATIVE_INFINITY;

interface Life {
  /** The lineage that the latest claim speaks of: revisions of another one are not comparable. */
  readonly lineage: string;
  /**
   * What the latest claim that names the life said: a state below it went back. Less than an earlier claim
   * said when the store went back and was mended since.
   */
  readonly revision: number;
  /** Number of the claim that named it last. */
  readonly claim: number;
  /** What the claim before said, or less. */
  readonly before: number;
}

/**
 * What a node can prove about its region: every write acknowledged before `closedMs`, on this
 * node's own monotonic clock, is applied in its L1 and in every store state that shows a life of the
 * latest claim, in its lineage, and at least its revision.
 */
export class FreshnessProof {
  #closedMs = UNPROVEN;
  #claim = 0;
  readonly #lives = new Map<string, Life>();

  /** The closed time; -Infinity when nothing is proven. */
  get closedMs(): number {
    return this.#closedMs;
  }

  /** Number of claims so far. */
  get claims(): number {
    return this.#claim;
  }

  /** Takes over a claim whose ping this node sent at `sentAtMs`. Closed time never goes back. */
  accept(claim: Claim, sentAtMs: number): void {
    if (sentAtMs < this.#closedMs) return;
    this.#closedMs = sentAtMs;
    this.#claim += 1;
    for (const { incarnation, lineage, revision } of claim.shown) {
      const before = this.#lives.get(incarnation)?.revision ?? 0;
      this.#lives.delete(incarnation);
      this.#lives.set(incarnation, {
        lineage,
        revision,
        claim: this.#claim,
        before: Math.min(before, revision),
      });
      if (this.#lives.size > LIVES_MAX) this.#lives.delete(this.#lives.keys().next().value!);
    }
  }

  /** The closed time that an answer with this meta may borrow. */
  closedFor(meta: StoreMeta): number {
    return this.shows(meta) ? this.#closedMs : UNPROVEN;
  }

  /**
   * Whether the store state is at least the one that the latest claim speaks of. One of another lineage may be
   * of the other half of a split, whatever its revision; or the claim of a new applier is still under way.
   */
  shows({ incarnation, lineage, revision }: StoreMeta): boolean {
    if (this.#closedMs === UNPROVEN) return true;
    const life = this.#lives.get(incarnation);
    if (life?.claim !== this.#claim || life.lineage !== lineage) return false;
    return revision >= life.revision;
  }

  /**
   * Whether the store lost what it once had: it shows a life that is known to have been further. Its
   * tidemarks may be below those that this node was promised.
   *
   * Of another lineage nobody can tell. One with a lower revision may be a copy from before the last
   * takeover, and counts as such. One with a higher revision is what every takeover looks like until its
   * first claim is heard: eventual reads go on, and nothing is proven by it.
   *
   * @param asked `claims` when the store was asked: an answer need not show what was claimed later
   */
  wentBack({ incarnation, revision }: StoreMeta, asked: number): boolean {
    const life = this.#lives.get(incarnation);
    return life !== undefined && revision < (life.claim <= asked ? life.revision : life.before);
  }

  /** Nothing is proven any more. What is known of the lives of stores stays true. */
  drop(): void {
    this.#closedMs = UNPROVEN;
  }
}
