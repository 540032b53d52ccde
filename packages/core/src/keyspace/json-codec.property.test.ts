import { isDeepStrictEqual } from 'node:util';
import { mangledBytes } from '@tidemark/conformance/hostile';
import { anyUnit, runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonCodec } from './codec.ts';

const name = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toJSON'),
  fc.string({ unit: anyUnit, maxLength: 5 }),
);
const date = fc.date({ noInvalidDate: true });

/** Plain data with dates, of names that a careless walk would stumble over. */
const { carried } = fc.letrec<{ carried: unknown }>((tie) => ({
  carried: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, '', '@[]\n1', 0),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((each) => each + 0),
    fc.string({ unit: anyUnit }),
    date,
    fc.array(tie('carried'), { maxLength: 4 }),
    fc.dictionary(name, tie('carried'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

describe('JSON', () => {
  it('gives plain data with dates back unchanged', () => {
    fc.assert(
      fc.property(carried, (value) => {
        expect(isDeepStrictEqual(jsonCodec.decode(jsonCodec.encode(value)), value)).toBe(true);
      }),
      runs<[unknown]>(1_000, { examples: [[[new Date(8.64e15), new Date(-8.64e15)]]] }),
    );
  });

  it('reads what stands for lost characters, but loses none itself', () => {
    const text = 'what \ufffd stands for';
    expect(jsonCodec.decode(Buffer.from(jsonCodec.encode(text)))).toBe(text);
    for (const bytes of [Buffer.from([0x22, 0xff, 0x22]), Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)]) {
      expect(() => jsonCodec.decode(bytes)).toThrow(expect.objectContaining({ code: 'E_FORMAT' }));
      expect(() => jsonCodec.decode(Buffer.from(bytes))).toThrow(
        expect.objectContaining({ code: 'E_FORMAT' }),
      );
    }
  });

  it('refuses what it would change, and says where', () => {
    const odd = fc.oneof(
      fc.constantFrom<unknown>(
        Number.NaN,
        Infinity,
        1n,
        Symbol('x'),
        () => 1,
        new Map(),
        new Set([1]),
        new Date(Number.NaN),
        new Uint8Array(2),
        Buffer.from('x'),
        new ArrayBuffer(1),
        /x/,
        new Error('x'),
        Object(1),
        new (class Row {})(),
        [undefined],
        // oxlint-disable-next-line no-sparse-arrays -- that is the point
        [,],
        { toJSON: () => 1 },
      ),
      fc.bigInt(),
      fc.uint8Array(),
    );
    const place = fc.array(fc.oneof(name, fc.constant(0)), { maxLength: 4 });
    fc.assert(
      fc.property(odd, place, carried, (value, path, beside) => {
        const whole = path.reduceRight<unknown>(
          (inner, step) =>
            step === 0
              ? [inner, beside]
              : Object.fromEntries([
                  ['beside', beside],
                  [step, inner],
                ]),
          value,
        );
        let error: unknown;
        try {
          jsonCodec.encode(whole);
        } catch (caught) {
          error = caught;
        }
        expect(error).toMatchObject({
          code: 'E_VALUE',
          message: expect.stringMatching(/which JSON can't carry unchanged; use messagePackCodec/) as string,
        });
        expect((error as { path: unknown[] }).path.slice(0, path.length)).toEqual(path);
      }),
      runs(500),
    );
  });

  it('leaves out properties that are undefined, and refuses undefined anywhere else', () => {
    expect(jsonCodec.decode(jsonCodec.encode({ a: undefined, b: 1, on: new Date(0) }))).toEqual({
      b: 1,
      on: new Date(0),
    });
    expect(() => jsonCodec.encode(undefined)).toThrow(/^value is undefined/);
  });

  it('refuses what leads back to itself, or is nested too deeply for the call stack', () => {
    const loop: Record<string, unknown> = {};
    loop['a'] = [loop, loop];
    let deep: unknown = [];
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    for (const value of [loop, deep]) {
      expect(() => jsonCodec.encode(value)).toThrow(expect.objectContaining({ code: 'E_VALUE' }));
    }
  });

  it('decodes any bytes with paths in front to a value of JSON and dates, or refuses them', () => {
    const step = fc.oneof(name, fc.integer({ min: -1, max: 3 }), fc.constant('length'), fc.anything());
    const claimed = fc
      .tuple(fc.oneof(fc.array(fc.array(step, { maxLength: 3 }), { maxLength: 3 }), fc.anything()), fc.json())
      .map(([paths, json]) => Buffer.from(`@${jsonOf(paths)}\n${json}`));
    const bytes = fc.oneof(claimed, mangledBytes(carried.map((each) => jsonCodec.encode(each))));
    fc.assert(
      fc.property(bytes, (each) => {
        try {
          jsonCodec.decode(each);
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_FORMAT' });
        }
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
        expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(PROTOTYPE_NAMES);
        expect(Array.prototype.length).toBe(0);
      }),
      runs(2_000, {
        examples: [
          '@[["__proto__","on"]]\n{}',
          '@[["constructor","prototype","on"]]\n{}',
          '@[["length"]]\n["1970-01-01T00:00:00.000Z"]',
          '@[[]]\n"1970-01-01T00:00:00Z"',
          '@[[0],[0]]\n["1970-01-01T00:00:00.000Z"]',
          '@',
          '@\n',
        ].map((text): [Buffer] => [Buffer.from(text)]),
      }),
    );
  });
});

const PROTOTYPE_NAMES = Object.getOwnPropertyNames(Object.prototype).length;

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch {
    return '[[]]';
  }
}
