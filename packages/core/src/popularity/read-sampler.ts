/** Reads that are counted one by one before any is left out. */
const EXACT = 100_000;
/** Of later ones, one in so many counts for all of them; a power of two. */
const ONE_IN = 8;

/**
 * Says for how many a read counts, most often for none: counting each would be a tenth of what a hit of L2 costs. Counts
 * are right on average. Which reads are taken is drawn, since reads may come in a rhythm; from a generator of its own
 * (Numerical Recipes' linear congruential one), which no other draw depends on.
 */
export class ReadSampler {
  #exactLeft = EXACT;
  #skip = 0;
  #drawn = 1;

  next(): number {
    if (this.#exactLeft > 0) {
      this.#exactLeft -= 1;
      return 1;
    }
    if (this.#skip > 0) {
      this.#skip -= 1;
      return 0;
    }
    this.#drawn = (Math.imul(this.#drawn, 1_664_525) + 1_013_904_223) >>> 0;
    // From 0 to twice the mean: the high bits are the random ones.
    this.#skip = Math.floor((this.#drawn / 2 ** 32) * (2 * ONE_IN - 1));
    return ONE_IN;
  }

  /** Counts were halved: few are left that the next reads could drown in noise. */
  restart(): void {
    this.#exactLeft = EXACT;
  }
}
