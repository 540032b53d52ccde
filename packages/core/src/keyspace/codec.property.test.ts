import { mangledBytes } from '@tidemark/conformance/hostile';
import { anyUnit, runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { deepFreeze, freezeTree, jsonCodec } from './codec.ts';

const encoder = new TextEncoder();
const value = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(
    fc.oneof(fc.constantFrom('__proto__', 'constructor'), fc.string({ unit: anyUnit })),
    fc.jsonValue(),
  ),
);

it('gives every value of JSON back, and no key of it becomes a prototype', () => {
  fc.assert(
    fc.property(value, (each) => {
      const decoded = jsonCodec.decode(jsonCodec.encode(each));
      expect(decoded).toEqual(JSON.parse(JSON.stringify(each)));
      if (typeof decoded === 'object' && decoded !== null && !Array.isArray(decoded)) {
        expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
      }
    }),
    runs(500, { examples: [[JSON.parse('{"__proto__":{"polluted":1}}')]] }),
  );
});

it('decodes any bytes to a value, or refuses them with a code', () => {
  const bytes = mangledBytes(value.map((each) => jsonCodec.encode(each)));
  fc.assert(
    fc.property(bytes, (each) => {
      try {
        deepFreeze(jsonCodec.decode(each));
      } catch (error) {
        expect(error).toMatchObject({ code: 'E_FORMAT' });
      }
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    }),
    runs<[Buffer]>(1_000, {
      examples: [[Buffer.from([0xff])], [Buffer.alloc(0)], [Buffer.from('"\ud800"', 'utf16le')]],
    }),
  );
});

it('freezes all of a value, however deep it is nested and wherever it leads back', () => {
  interface Node {
    child?: unknown;
    readonly list: unknown[];
  }
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50_000 }), fc.boolean(), (depth, loops) => {
      const first: Node = { list: [] };
      let last = first;
      for (let level = 1; level < depth; level += 1) {
        const next: Node = { list: [] };
        if (level % 2 === 0) last.child = next;
        else last.list.push(next);
        last = next;
      }
      if (loops) last.child = first;
      expect(deepFreeze(first)).toBe(first);
      expect([first, first.list, last, last.list].every((each) => Object.isFrozen(each))).toBe(true);
    }),
    // It went down by recursion: a stored value nested deep enough ended the read in a RangeError.
    runs(6, { examples: [[50_000, false]] }),
  );
  const stored = encoder.encode('['.repeat(100_000) + ']'.repeat(100_000));
  expect(Object.isFrozen(deepFreeze(jsonCodec.decode(stored)))).toBe(true);
});

it('freezes what was decoded as deeply, whatever its shape and depth', () => {
  const allFrozen = (each: unknown): boolean =>
    typeof each !== 'object' ||
    each === null ||
    (Object.isFrozen(each) && Object.values(each).every((child) => allFrozen(child)));
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.integer({ min: 0, max: 200 }), (inner, depth) => {
      let decoded: unknown = structuredClone(inner);
      for (let level = 0; level < depth; level += 1) decoded = level % 2 ? [decoded] : { at: level, decoded };
      expect(freezeTree(decoded)).toBe(decoded);
      expect(allFrozen(decoded)).toBe(true);
    }),
    runs(300),
  );
});
