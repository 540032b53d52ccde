import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { readHistory } from './retained-bytes.ts';

it('reads any bytes under any name without throwing, and says what it left out', () => {
  const whole = Buffer.alloc(22);
  whole.set([0xd5, 1]);
  whole.writeDoubleBE(1, 4);
  whole.writeDoubleBE(2, 12);
  expect(readHistory({ '1.2': whole })).toEqual({
    history: [{ version: { era: 1, n: 2 }, schema: 1, filledAtMs: 2, data: Buffer.alloc(2) }],
    unreadable: false,
  });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((some) => Buffer.from(some)),
    fc.tuple(fc.nat(21), fc.nat(255)).map(([at, byte]) => {
      const changed = Buffer.from(whole);
      changed[at] = byte;
      return changed;
    }),
  );
  const names = fc.oneof(
    fc.string(),
    fc.constantFrom('1.2', '01.2', '1.2.3', '1', '-1.2', '1.9007199254740992'),
  );
  fc.assert(
    fc.property(fc.dictionary(names, bytes), (fields) => {
      const { history, unreadable } = readHistory(fields);
      expect(history.length < Object.keys(fields).length).toBe(unreadable);
      for (const { version, filledAtMs } of history) {
        expect(Number.isSafeInteger(version.n)).toBe(true);
        expect(filledAtMs).toBeGreaterThanOrEqual(0);
      }
    }),
    runs(100),
  );
});
