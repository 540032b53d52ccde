import { isDeepStrictEqual } from 'node:util';
import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deepFreeze, freezeTree } from './codec.ts';

class Tags extends Set<unknown> {
  first(): unknown {
    return this.values().next().value;
  }
}

/** Values of all kinds that a loader may return or a codec decode, some parts frozen by somebody else. */
const { shared } = fc.letrec<{ shared: unknown }>((tie) => ({
  shared: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, undefined, 1, 'x', 1n),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array({ maxLength: 3 }),
    fc.array(tie('shared'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), tie('shared'), { maxKeys: 2 }),
    fc.array(fc.tuple(tie('shared'), tie('shared')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    fc.array(tie('shared'), { maxLength: 3 }).map((members) => new Set(members)),
    fc.array(tie('shared'), { maxLength: 3 }).map((members) => new Tags(members)),
    fc.tuple(tie('shared')).map((list) => Object.freeze(list)),
    fc.record({ inside: tie('shared') }).map((each) => Object.freeze(each)),
  ),
}));

/** Tries every change that a caller may make, all the way down. */
function attack(value: unknown): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  expect(Object.isFrozen(value)).toBe(true);
  const changes: (() => unknown)[] = [
    () => Object.assign(value, { added: 1 }),
    () => Object.setPrototypeOf(value, {}),
  ];
  if (value instanceof Map) {
    changes.push(
      () => value.set('added', 1),
      () => value.delete([...value.keys()][0]),
      () => value.clear(),
    );
    for (const [key, child] of value) [key, child].forEach(attack);
  } else if (value instanceof Set) {
    changes.push(
      () => value.add('added'),
      () => value.delete([...value][0]),
      () => value.clear(),
    );
    for (const child of value) attack(child);
  } else if (value instanceof Date) {
    changes.push(
      () => value.setTime(1),
      () => value.setUTCFullYear(1),
      () => value.setHours(1, 2, 3, 4),
    );
  } else if (Array.isArray(value)) {
    changes.push(() => value.push(1));
  }
  for (const change of changes) expect(change).toThrow(TypeError);
  Object.values(value).forEach(attack);
}

describe('a frozen value', () => {
  it.each([
    ['deepFreeze', deepFreeze],
    ['freezeTree', freezeTree],
  ])('of %s is what it was, and no call of its own methods changes any part of it', (_, freeze) => {
    fc.assert(
      fc.property(shared, (value) => {
        const copy = structuredClone(value);
        expect(freeze(value)).toBe(value);
        attack(value);
        // A clone has no prototypes that differ, and shows what is inside.
        expect(isDeepStrictEqual(structuredClone(value), copy)).toBe(true);
      }),
      // What somebody else had frozen was taken for frozen all the way down.
      runs<[unknown]>(500, { examples: [[Object.freeze({ list: [1] })], [Object.freeze([{ a: 1 }])]] }),
    );
  });

  it('keeps its class and methods', () => {
    const [date, map, tags] = deepFreeze([new Date(0), new Map([[1, 2]]), new Tags(['a'])] as const);
    expect(date.toISOString()).toBe('1970-01-01T00:00:00.000Z');
    expect(date.constructor).toBe(Date);
    expect(JSON.stringify({ date })).toBe('{"date":"1970-01-01T00:00:00.000Z"}');
    expect(map.get(1)).toBe(2);
    expect(tags.first()).toBe('a');
    expect(tags).toBeInstanceOf(Tags);
  });

  it('may hold a large Map or Set, and what leads back to itself', () => {
    const large = new Set<unknown>(Array.from({ length: 300_000 }, (_, i) => i));
    large.add(large);
    const loop = Object.freeze({ map: new Map<unknown, unknown>([['large', large]]) });
    loop.map.set(loop, loop);
    expect(deepFreeze(loop)).toBe(loop);
    expect(() => loop.map.clear()).toThrow(/change a copy/);
  });
});
