import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkHistory, toHistory } from '../src/index.ts';
import { readLines } from '../src/read-history.ts';
import { BREAKS } from './break-history.ts';
import { legalHistory } from './legal-history.ts';

it('no false alarm: nothing is broken that a linear model says', () => {
  fc.assert(
    fc.property(legalHistory, (lines) => {
      expect(checkHistory(toHistory(lines))).toEqual([]);
    }),
    runs(500),
  );
});

it('the order of the lines does not matter, but for sessions at one instant', () => {
  fc.assert(
    fc.property(legalHistory, fc.infiniteStream(fc.double({ noNaN: true })), (lines, drawn) => {
      const shuffled = lines
        .map((line) => ({
          line,
          place: line.type === 'read' || line.type === 'write' ? 0 : drawn.next().value,
        }))
        .sort((a, b) => a.place - b.place)
        .map(({ line }) => line);
      expect(checkHistory(toHistory(shuffled))).toEqual([]);
    }),
    runs(100),
  );
});

it('a file of them is read as it was written', async () => {
  await fc.assert(
    fc.asyncProperty(legalHistory, async (lines) => {
      async function* texts(): AsyncGenerator<string> {
        for (const line of lines) yield JSON.stringify(line);
      }
      const { lines: read, unfinished, unknown } = await readLines(texts());
      expect({ unfinished, unknown: unknown.size }).toEqual({ unfinished: 0, unknown: 0 });
      expect(read).toEqual(lines.map((line) => JSON.parse(JSON.stringify(line))));
    }),
    runs(50),
  );
});

describe('one thing that is wrong is found', () => {
  const found = new Map(Object.keys(BREAKS).map((name) => [name, 0]));

  it.each(Object.entries(BREAKS))('%s', (name, breakOne) => {
    fc.assert(
      fc.property(legalHistory, fc.nat(), (lines, pick) => {
        const broken = breakOne(lines, pick);
        if (!broken) return;
        found.set(name, found.get(name)! + 1);
        const invariants = checkHistory(toHistory(broken.lines)).map(({ invariant }) => invariant);
        expect(invariants).toContain(broken.invariant);
      }),
      runs(200),
    );
    expect(found.get(name)).toBeGreaterThan(0);
  });
});
