import type { Bump, Invalidation, Leadership, Position, SourceOfTruth, Version } from '@tidemark/core';
import { Floors, type SourceHarness } from './source-harness.ts';

/** A source whose transactions change keys statement by statement. */
export interface WritingHarness<Tx> extends SourceHarness<Tx> {
  /** Bumps a key at once, as a changed row does. */
  put(tx: Tx, key: string): Promise<void>;
  /** Bumps a key at once, as a deleted row does. */
  remove(tx: Tx, key: string): Promise<void>;
}

interface Open<Tx> {
  readonly tx: Tx;
  readonly bump: Bump;
  end(commits: boolean): Promise<readonly Invalidation[] | null>;
}

const ABORTED = new Error('aborted on purpose');

/**
 * One of two sources that go through the same history. Numbers mean nothing between them: a version is told
 * as its place among those that its key ever had, an era as its distance from the first one.
 */
export class SourceSide<Tx> {
  readonly #harness: WritingHarness<Tx>;
  readonly #others: readonly SourceOfTruth<unknown, Tx>[];
  readonly #open = new Map<number, Open<Tx>>();
  readonly #numbers = new Map<string, number[]>();
  readonly #leaderships = new Map<string, Leadership>();
  #floors = new Floors();
  #since: Position | null = null;
  #firstEra = 0;

  constructor(harness: WritingHarness<Tx>, another: SourceOfTruth<unknown, Tx>) {
    this.#harness = harness;
    this.#others = [harness.source, another];
  }

  /** A new history begins; all that was is forgotten. */
  async begin(): Promise<void> {
    this.#numbers.clear();
    this.#floors = new Floors();
    this.#since = (await this.#harness.source.changes(null, { limit: 1_000 })).horizon;
    this.#firstEra = this.#since.era;
  }

  async start(slot: number): Promise<void> {
    const { source } = this.#harness;
    const opened = await new Promise<Open<Tx>>((resolve, reject) => {
      let end = (_commits: boolean): void => {};
      const ended = new Promise<boolean>((told) => {
        end = told;
      });
      const result = source.transaction(async (tx, bump) => {
        resolve({
          tx,
          bump,
          async end(commits) {
            end(commits);
            const answer = await result.catch((error: unknown) => {
              if (error !== ABORTED) throw error;
              return null;
            });
            return answer && answer.invalidations;
          },
        });
        if (!(await ended)) throw ABORTED;
      });
      result.catch(reject);
    });
    this.#open.set(slot, opened);
  }

  async change(slot: number, key: string, deletes: boolean): Promise<void> {
    const { tx } = this.#open.get(slot)!;
    await (deletes ? this.#harness.remove(tx, key) : this.#harness.put(tx, key));
  }

  bumpAtCommit(slot: number, key: string): void {
    this.#open.get(slot)!.bump(key);
  }

  async end(slot: number, commits: boolean): Promise<unknown> {
    const { end } = this.#open.get(slot)!;
    this.#open.delete(slot);
    const invalidations = await end(commits);
    for (const { key, version } of invalidations ?? []) {
      this.#numbers.set(key, [...(this.#numbers.get(key) ?? []), version.n]);
    }
    return invalidations && this.#told(invalidations);
  }

  /** All that a reader knows that goes on from where it was. */
  async read(limit: number, keys: readonly string[]): Promise<unknown> {
    const since = this.#since;
    let page = await this.#harness.source.changes(since, { limit });
    const { horizon } = page;
    this.#floors.raise(page.changes);
    while (page.next) {
      page = await this.#harness.source.changes(since, { limit, after: page.next });
      this.#floors.raise(page.changes);
    }
    this.#since = horizon;
    const wentBack = since !== null && since.era === horizon.era && horizon.xid < since.xid;
    return { era: horizon.era - this.#firstEra, wentBack, floors: this.#known(keys) };
  }

  async labels(keys: readonly string[]): Promise<unknown> {
    const { asOf, versions, scopes } = await this.#others[1]!.labels(keys);
    return {
      era: asOf.era - this.#firstEra,
      versions: keys.map((key, i) => this.#place(key, versions[i]!)),
      scopes: keys.map((key, i) => this.#place(key.split(':')[0]!, { era: asOf.era, n: scopes[i]! })),
    };
  }

  /** Somebody knows of a position that this source never had. */
  async goBack(): Promise<unknown> {
    const { era, xid } = this.#since!;
    const { horizon } = await this.#harness.source.changes(
      { era, xid: xid + 1_000_000_000 },
      { limit: 1_000 },
    );
    this.#floors = new Floors();
    this.#since = horizon;
    return horizon.era - this.#firstEra;
  }

  async saveCursor(name: string, position: Position): Promise<unknown> {
    await this.#others[0]!.saveCursor(name, position);
    return this.#others[1]!.loadCursor(name);
  }

  async lead(handle: number, role: string): Promise<unknown> {
    const leadership = await this.#others[handle]!.lead(role);
    if (leadership) this.#leaderships.set(role, leadership);
    return leadership !== null;
  }

  async resign(role: string): Promise<void> {
    await this.#leaderships.get(role)?.resign();
    this.#leaderships.delete(role);
  }

  #known(keys: readonly string[]): unknown {
    const floors = this.#floors.all();
    return keys.map((key) => {
      const floor = floors.get(key);
      return floor ? this.#place(key, floor) : null;
    });
  }

  #told(invalidations: readonly Invalidation[]): unknown {
    return invalidations
      .map(({ key, version }) => `${key} ${this.#place(key, version)}`)
      .sort((a, b) => a.localeCompare(b));
  }

  /** Numbers rise in commit order: otherwise its place is not the last one. */
  #place(key: string, { era, n }: Version): string {
    const numbers = this.#numbers.get(key) ?? [];
    const rises = numbers.every((each, i) => i === 0 || each > numbers[i - 1]!);
    const place = n === 0 ? 0 : numbers.indexOf(n) + 1 || 'unknown';
    return `${era - this.#firstEra}.${place}${rises ? '' : ' out of order'}`;
  }
}
