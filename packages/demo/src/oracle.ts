/** A write that was acknowledged to its writer. */
export interface AckedWrite {
  readonly revision: number;
  readonly ackedAtMs: number;
}

/**
 * Judges reads from outside: by the revision numbers that the table itself counts, and by one
 * process' monotonic clock. It knows nothing of versions, tidemarks or claims.
 */
export class Oracle {
  readonly #writes = new Map<number, AckedWrite[]>();
  #count = 0;
  boundViolations = 0;

  get writes(): number {
    return this.#count;
  }

  acked(id: number, revision: number, ackedAtMs: number): void {
    this.#count += 1;
    const writes = this.#writes.get(id);
    if (writes) writes.push({ revision, ackedAtMs });
    else this.#writes.set(id, [{ revision, ackedAtMs }]);
  }

  /** Highest revision acknowledged before `beforeMs`; 0 when there was none. */
  revisionBefore(id: number, beforeMs: number): number {
    let highest = 0;
    for (const { revision, ackedAtMs } of this.#writes.get(id) ?? []) {
      if (ackedAtMs < beforeMs && revision > highest) highest = revision;
    }
    return highest;
  }

  /** A bounded read began at `beganMs` and returned `revision`. */
  checkBounded(id: number, revision: number, beganMs: number, boundMs: number): void {
    if (revision < this.revisionBefore(id, beganMs - boundMs)) this.boundViolations += 1;
  }

  /** Ids written between two moments. */
  writtenBetween(fromMs: number, toMs: number): number[] {
    return [...this.#writes]
      .filter(([, writes]) => writes.some(({ ackedAtMs }) => ackedAtMs >= fromMs && ackedAtMs < toMs))
      .map(([id]) => id);
  }

  /** Acknowledged writes that the source does not have: its row counted fewer. */
  missingIn(revisionOf: (id: number) => number): number {
    let missing = 0;
    for (const [id, writes] of this.#writes) {
      missing += writes.filter(({ revision }) => revision > revisionOf(id)).length;
    }
    return missing;
  }
}
