import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { RelayChain } from './relay-chain.ts';

const LIVES = ['a', 'b', 'c'] as const;

/** What a relay's life appended: message `seq` of it, of which some are barriers. */
interface Sent {
  readonly life: string;
  readonly seq: number;
  readonly isBarrier: boolean;
  readonly readable: boolean;
}
type Step = Sent | 'break';

/** Each life's messages have fixed kinds; a stream delivers them with loss, repetition and reordering. */
const stream: fc.Arbitrary<Step[]> = fc
  .record({
    kinds: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
    broken: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
    picks: fc.array(
      fc.record({
        life: fc.constantFrom(...LIVES),
        // Mostly onwards, else anywhere.
        jump: fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, fc.integer({ min: -3, max: 3 })),
        breaks: fc.nat(14).map((n) => n === 0),
      }),
      { maxLength: 60 },
    ),
  })
  .map(({ kinds, broken, picks }) => {
    const at: Record<string, number> = {};
    return picks.map(({ life, jump, breaks }) => {
      if (breaks) return 'break';
      const seq = Math.min(12, Math.max(1, (at[life] ?? 0) + jump));
      at[life] = seq;
      return { life, seq, isBarrier: kinds[seq - 1]!, readable: !broken[seq - 1]! };
    });
  });

it('a barrier counts only when all since the barrier before it, or since its start, was read in order', () => {
  fc.assert(
    fc.property(stream, (steps) => {
      const chain = new RelayChain();
      /** Of each life: what was read since the last barrier or break, and whether that began cleanly. */
      const since = new Map<string, { read: Set<number>; begins: number | null; last: number }>();
      for (const step of steps) {
        if (step === 'break') {
          chain.break();
          for (const known of since.values()) known.begins = null;
          continue;
        }
        const { life, seq, isBarrier, readable } = step;
        const known = since.get(life) ?? { read: new Set(), begins: 1, last: 0 };
        since.set(life, known);
        if (!readable) chain.skip(life, seq);
        else {
          const said = chain.note(life, seq, isBarrier);
          expect(said === 'duplicate').toBe(seq <= known.last);
          if (said === 'whole') {
            expect(known.begins).not.toBeNull();
            for (let each = known.begins!; each < seq; each += 1) expect(known.read.has(each)).toBe(true);
          }
        }
        if (seq <= known.last) continue;
        known.last = seq;
        if (readable) known.read.add(seq);
        // The next barrier after this one speaks of what follows.
        if (readable && isBarrier) Object.assign(known, { read: new Set(), begins: seq + 1 });
      }
    }),
    runs(1_000),
  );
});

it('a stream without faults is whole, however many lives it carries at a time', () => {
  const lives = fc.array(fc.tuple(fc.nat(15), fc.boolean()), { maxLength: 150 });
  fc.assert(
    fc.property(lives, (messages) => {
      const chain = new RelayChain();
      const seqs = new Map<number, number>();
      for (const [life, isBarrier] of messages) {
        const seq = (seqs.get(life) ?? 0) + 1;
        seqs.set(life, seq);
        expect(chain.note(`life ${life}`, seq, isBarrier)).toBe('whole');
      }
    }),
    runs(200),
  );
});

it('a life that was forgotten for too many others is not believed before its next barrier', () => {
  fc.assert(
    fc.property(fc.integer({ min: 16, max: 40 }), fc.integer({ min: 2, max: 9 }), (others, seq) => {
      const chain = new RelayChain();
      for (let each = 1; each < seq; each += 1) chain.note('old', each, false);
      for (let other = 0; other < others; other += 1) chain.note(`life ${other}`, 1, true);
      expect(chain.note('old', seq, true)).toBe('hole');
      expect(chain.note('old', seq + 1, true)).toBe('whole');
    }),
    runs(50),
  );
});
