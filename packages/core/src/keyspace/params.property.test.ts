import { anyUnit, runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isKey, keyspaceOf } from '../protocol/key.ts';
import { keyDecoder, keyEncoder } from './params.ts';

const encode = keyEncoder('page', { site: 'string', number: 'int', draft: 'boolean' });
const wellFormed = fc
  .string({ unit: anyUnit, maxLength: 40 })
  .map((text) => text.toWellFormed().replaceAll('\0', ''));
const params = fc.record({ site: wellFormed, number: fc.maxSafeInteger(), draft: fc.boolean() });

describe('keys', () => {
  it('are different for different parameters, whatever the text', () => {
    fc.assert(
      fc.property(params, params, (a, b) => {
        const same = a.site === b.site && Object.is(a.number + 0, b.number + 0) && a.draft === b.draft;
        expect(encode(a) === encode(b)).toBe(same);
      }),
      runs(100, {
        examples: [
          [
            { site: 'a:1', number: 2, draft: true },
            { site: 'a', number: 12, draft: true },
          ],
        ],
      }),
    );
  });

  it('give their parameters back, and no other text is a key', () => {
    const decode = keyDecoder('page', { site: 'string', number: 'int', draft: 'boolean' });
    fc.assert(
      fc.property(params, fc.string(), (each, junk) => {
        const { number, ...rest } = each;
        expect(decode(encode(each))).toEqual({ ...rest, number: number + 0 });
        const decoded = decode(junk);
        if (decoded) expect(encode(decoded)).toBe(junk);
      }),
      runs(100, { examples: [[{ site: '%3A%', number: 1, draft: true }, 'page:%253A:01:true']] }),
    );
  });

  it('of hostile text stay in their keyspace and out of Redis hash tags', () => {
    fc.assert(
      fc.property(params, (each) => {
        const key = encode(each);
        expect(isKey(key)).toBe(true);
        expect(keyspaceOf(key)).toBe('page');
        expect(key.split(':')).toHaveLength(4);
      }),
      runs(100),
    );
  });

  it.each([
    ['a number for text', { site: 1, number: 1, draft: true }],
    ['a fraction', { site: '', number: 1.5, draft: true }],
    ['an unsafe integer', { site: '', number: 2 ** 53, draft: true }],
    ['NaN', { site: '', number: Number.NaN, draft: true }],
    ['a missing parameter', { site: '', number: 1 }],
    ['a lone surrogate', { site: '\ud800', number: 1, draft: true }],
    ['NUL', { site: 'a\0b', number: 1, draft: true }],
    ['too much text', { site: 'x'.repeat(2_000), number: 1, draft: true }],
  ])('refuse %s with a coded error', (_, wrong) => {
    expect(() => encode(wrong as never)).toThrow(
      expect.objectContaining({ code: 'E_KEY', keyspace: 'page' }),
    );
  });

  it('with one integer have a short form', () => {
    const short = keyEncoder('city', { id: 'int' });
    expect(short({ id: 7 })).toBe('city:7');
    expect(short({ id: -0 })).toBe('city:0');
    expect(() => short({ id: '7' as never })).toThrow(/must be int, got string 7/);
  });
});
