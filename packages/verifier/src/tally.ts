export type VerifiedTier = 'l1' | 'l2';

/** What became of one check: a tier that could not be asked is neither. */
export type Outcome = 'consistent' | 'inconsistent' | 'notAsked' | 'late';

export interface Counts {
  /** Asked, and judged. */
  readonly checked: number;
  readonly inconsistent: number;
  /** Cut off, or silent. */
  readonly notAsked: number;
  /** Due at a time when this verifier was busy, or not running. */
  readonly late: number;
}

/** Counts of one tier of one region at one age. */
export interface Cell extends Counts {
  readonly region: string;
  readonly tier: VerifiedTier;
  readonly ageMs: number;
}

/** Consistent within an age, over all that was checked. */
export interface AgeReport extends Counts {
  readonly ageMs: number;
  /**
   * Share of consistent checks as a count of nines: 3 is 99.9 %. Without any inconsistency it is what the number of checks
   * can show at most: a thousand good ones show three nines, and not more. Null when nothing was checked.
   */
  readonly nines: number | null;
}

const NOTHING: Counts = { checked: 0, inconsistent: 0, notAsked: 0, late: 0 };

/** How many nines `inconsistent` of `checked` are; null for nothing checked. */
export function ninesOf({ checked, inconsistent }: Pick<Counts, 'checked' | 'inconsistent'>): number | null {
  if (checked === 0) return null;
  return Math.log10(checked / Math.max(1, inconsistent));
}

/** Counts checks by region, tier and age. */
export class Tally {
  readonly #cells = new Map<string, Cell>();

  add(where: Pick<Cell, 'region' | 'tier' | 'ageMs'>, outcome: Outcome, times = 1): void {
    if (times === 0) return;
    const { region, tier, ageMs } = where;
    const name = `${region} ${tier} ${ageMs}`;
    const { checked, inconsistent, notAsked, late } = this.#cells.get(name) ?? NOTHING;
    const asked = outcome === 'consistent' || outcome === 'inconsistent';
    this.#cells.set(name, {
      region,
      tier,
      ageMs,
      checked: checked + (asked ? times : 0),
      inconsistent: inconsistent + (outcome === 'inconsistent' ? times : 0),
      notAsked: notAsked + (outcome === 'notAsked' ? times : 0),
      late: late + (outcome === 'late' ? times : 0),
    });
  }

  /** Goes on from what was counted before. */
  restore(cells: readonly Cell[]): void {
    for (const cell of cells) this.#cells.set(`${cell.region} ${cell.tier} ${cell.ageMs}`, cell);
  }

  get cells(): readonly Cell[] {
    return [...this.#cells.values()];
  }

  /** Over all regions and tiers, shortest age first. */
  ages(): readonly AgeReport[] {
    const all = new Map<number, Counts>();
    for (const cell of this.cells) {
      const sum = all.get(cell.ageMs) ?? NOTHING;
      all.set(cell.ageMs, {
        checked: sum.checked + cell.checked,
        inconsistent: sum.inconsistent + cell.inconsistent,
        notAsked: sum.notAsked + cell.notAsked,
        late: sum.late + cell.late,
      });
    }
    return [...all]
      .map(([ageMs, counts]) => ({ ageMs, ...counts, nines: ninesOf(counts) }))
      .toSorted((a, b) => a.ageMs - b.ageMs);
  }
}
