import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from './property.ts';
import { SourceSide, type WritingHarness } from './source-side.ts';

const SLOTS = 3;
const KEYS = ['1', '2', 'é "%'] as const;

type Step =
  | { readonly do: 'change'; readonly slot: number; readonly key: number; readonly deletes: boolean }
  | { readonly do: 'bump'; readonly slot: number; readonly key: number }
  | { readonly do: 'end'; readonly slot: number; readonly commits: boolean }
  | { readonly do: 'read'; readonly limit: number }
  | { readonly do: 'labels' | 'goBack' }
  | { readonly do: 'cursor'; readonly era: number; readonly xid: number }
  | { readonly do: 'lead'; readonly handle: number }
  | { readonly do: 'resign' };

const slot = fc.nat(SLOTS - 1);
const key = fc.nat(KEYS.length - 1);
const as = <K extends Step['do']>(what: K) => fc.constant(what);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: as('change'), slot, key, deletes: fc.boolean() }) },
  // The last one is the key of the whole keyspace.
  { weight: 4, arbitrary: fc.record({ do: as('bump'), slot, key: fc.nat(KEYS.length) }) },
  { weight: 7, arbitrary: fc.record({ do: as('end'), slot, commits: fc.nat(3).map((n) => n > 0) }) },
  { weight: 4, arbitrary: fc.record({ do: as('read'), limit: fc.constantFrom(1, 2, 1_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('labels' as const, 'labels', 'labels', 'goBack') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: as('cursor'),
      era: fc.nat(2),
      xid: fc.oneof(fc.nat(9), fc.constant(2 ** 53 - 1)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: as('lead'), handle: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: as('resign') }) },
);

const FAILURES: [Step[]][] = [
  // A cursor at the very beginning counted in memory as never saved.
  [[{ do: 'cursor', era: 0, xid: 0 }]],
];

let histories = 0;

/** Which transaction holds, wants and will bump what: by it both sources do the same, and none waits for ever. */
class Locks {
  readonly open = new Map<number, Set<string>>();
  readonly holders = new Map<string, number>();
  /** Those that ever waited: nobody knows whether their ids are before or after those of others. */
  readonly raced = new Set<number>();
  readonly waiting = new Map<number, { readonly key: string; readonly done: Promise<unknown> }>();

  /** Whether a change can be begun: it may wait for one who does not wait, alone. */
  mayChange(by: number, of: string): boolean {
    const holder = this.holders.get(of);
    if (this.waiting.has(by)) return false;
    if (holder === undefined || holder === by) return true;
    return !this.waiting.has(holder) && ![...this.waiting.values()].some((each) => each.key === of);
  }

  mayEnd(by: number, commits: boolean): boolean {
    if (!this.open.has(by) || this.waiting.has(by)) return false;
    const wanted = commits ? [...this.open.get(by)!] : [];
    return wanted.every((of) => (this.holders.get(of) ?? by) === by);
  }

  /** Its keys go to who waits for them. */
  async release(by: number): Promise<void> {
    this.open.delete(by);
    this.raced.delete(by);
    for (const [of, holder] of [...this.holders]) if (holder === by) this.holders.delete(of);
    for (const [waiter, { key: of, done }] of [...this.waiting]) {
      if (this.holders.has(of)) continue;
      await done;
      this.waiting.delete(waiter);
      this.holders.set(of, waiter);
    }
  }
}

/**
 * The same random history on two sources: transactions that overlap on the same and on different rows, wait
 * for each other, change, delete and insert again, commit and abort, with readers, loaders, relays' cursors and
 * leaders in between, and restores. What they answer is compared after every step.
 */
export function sourceDifferential<A, B>(
  name: string,
  openReference: () => Promise<WritingHarness<A>>,
  openTested: () => Promise<WritingHarness<B>>,
): void {
  describe(`source: ${name}`, () => {
    it('does what the reference does, over random histories', async () => {
      const [one, two] = [await openReference(), await openTested()];
      const reference = new SourceSide(one, await one.another());
      const tested = new SourceSide(two, await two.another());
      const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 50 }), async (steps) => {
        histories += 1;
        const space = `space${histories}`;
        await runHistory(steps, space, async (action) => {
          const [expected, answered] = await Promise.all([action(reference), action(tested)]);
          expect(answered).toEqual(expected);
        });
      });
      try {
        await fc.assert(property, runs<[Step[]]>(60, { examples: FAILURES }));
      } finally {
        await Promise.all([one.close(), two.close()]);
      }
    }, 180_000);
  });
}

/** What does not depend on how its transactions look. */
type Side = Pick<SourceSide<unknown>, keyof SourceSide<unknown>>;
type Both = (action: (side: Side) => Promise<unknown>) => Promise<void>;

async function runHistory(steps: readonly Step[], space: string, both: Both): Promise<void> {
  const locks = new Locks();
  const keys = [...KEYS.map((part) => `${space}:${part}`), space];
  await both((side) => side.begin());
  try {
    for (const each of steps) await runStep(each, keys, locks, both);
  } finally {
    // Those that wait for nobody first; each frees those that wait for it.
    while (locks.open.size > 0) {
      const free = [...locks.open.keys()].find((by) => !locks.waiting.has(by))!;
      await both((side) => side.end(free, false));
      await locks.release(free);
    }
    await both((side) => side.resign(space));
  }
  await both((side) => side.read(1, keys));
  await both((side) => side.labels(keys));
}

async function runStep(each: Step, keys: readonly string[], locks: Locks, both: Both): Promise<void> {
  const space = keys.at(-1)!;
  switch (each.do) {
    case 'change':
    case 'bump': {
      if (!locks.open.has(each.slot)) {
        await both((side) => side.start(each.slot));
        locks.open.set(each.slot, new Set());
      }
      const of = keys[each.key]!;
      if (each.do === 'bump') {
        locks.open.get(each.slot)!.add(of);
        return both(async (side) => side.bumpAtCommit(each.slot, of));
      }
      if (!locks.mayChange(each.slot, of)) return undefined;
      const waits = (locks.holders.get(of) ?? each.slot) !== each.slot;
      const done = both((side) => side.change(each.slot, of, each.deletes));
      if (waits) {
        done.catch(() => {});
        locks.waiting.set(each.slot, { key: of, done });
        locks.raced.add(each.slot);
        return undefined;
      }
      locks.holders.set(of, each.slot);
      return done;
    }
    case 'end':
      if (!locks.mayEnd(each.slot, each.commits)) return undefined;
      await both((side) => side.end(each.slot, each.commits));
      return locks.release(each.slot);
    case 'read':
      return both((side) => side.read(each.limit, keys));
    case 'labels':
      return both((side) => side.labels(keys));
    case 'goBack':
      // A new era begins with what is at its edge, which the ids decide.
      return locks.raced.size > 0 ? undefined : both((side) => side.goBack());
    case 'cursor':
      return both((side) => side.saveCursor(space, { era: each.era, xid: each.xid }));
    case 'lead':
      return both((side) => side.lead(each.handle, space));
    case 'resign':
      return both((side) => side.resign(space));
  }
}
