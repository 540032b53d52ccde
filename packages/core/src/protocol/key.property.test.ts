import { anyUnit, runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memberPrefix, pointerKey } from './generation.ts';
import {
  decodeKeyPart,
  encodeKeyPart,
  isKey,
  isKeyspaceName,
  isPortable,
  isScopeKey,
  joinKey,
  KEY_LENGTH_MAX,
  keyspaceOf,
} from './key.ts';

/** Every string of JavaScript, most of them made of what separates, escapes, ends or breaks something. */
const unit = fc.oneof(
  fc.constantFrom('%', ':', '{', '}', '%25', '%3A', '%7b', '25', '3A', ' ', '\n', '.', '*', '>', '='),
  fc.constantFrom('', '\0', '\uD800', '\uDFFF', '\uD83D\uDE00', '\uFFFD', 'é', 'e\u0301', 'ÿ', '\u2028'),
  fc.string({ unit: anyUnit, minLength: 1, maxLength: 2 }),
);
const text = fc.oneof(
  { weight: 20, arbitrary: fc.array(unit, { maxLength: 12 }).map((units) => units.join('')) },
  fc.string({ unit: anyUnit, minLength: 900, maxLength: 5_000 }),
);
/** Few and alike, so that two of them often meet. */
const alike = fc
  .array(fc.constantFrom('%', ':', '%3A', '3A', 'a', ''), { maxLength: 4 })
  .map((p) => p.join(''));
const name = fc.constantFrom('a', 'city', 'a_b-c', 'a-b_c');

describe('a part of a key', () => {
  it('comes back from its encoding, whatever the text, so that no two share one', () => {
    fc.assert(
      fc.property(text, (part) => {
        const encoded = encodeKeyPart(part);
        expect(decodeKeyPart(encoded)).toBe(part);
        expect(encoded).not.toMatch(/[:{}]|%(?!25|3A|7B|7D)/);
      }),
      runs(2_000, { examples: [[''], ['%3A'], [':'.repeat(5_000)], ['\uD800'], ['%%25%'], ['{}']] }),
    );
  });

  it('has one encoding however often it was encoded before, and at any depth', () => {
    fc.assert(
      fc.property(text, fc.nat(6), (part, depth) => {
        let encoded = part;
        for (let level = 0; level < depth; level += 1) encoded = encodeKeyPart(encoded);
        let decoded = encoded;
        for (let level = 0; level < depth; level += 1) decoded = decodeKeyPart(decoded);
        expect(decoded).toBe(part);
      }),
      runs(500),
    );
  });
});

describe('a key', () => {
  it('tells its keyspace and all its parts apart, whatever they contain', () => {
    const parts = fc.array(fc.oneof(text, alike), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(name, parts, (keyspace, each) => {
        const key = joinKey(keyspace, each.map(encodeKeyPart));
        expect(keyspaceOf(key)).toBe(keyspace);
        expect(isScopeKey(key)).toBe(false);
        expect(key.split(':').slice(1).map(decodeKeyPart)).toEqual(each);
      }),
      runs(1_000),
    );
  });

  it('is different for different parts, also when those are keys themselves', () => {
    type Nested = string | readonly Nested[];
    const { nested } = fc.letrec<{ nested: Nested }>((tie) => ({
      nested: fc.oneof(
        { maxDepth: 3 },
        alike,
        fc.array(tie('nested'), { minLength: 1, maxLength: 3 }) as fc.Arbitrary<Nested>,
      ),
    }));
    const encode = (of: readonly Nested[]): string =>
      joinKey(
        'a',
        of.map((each) => encodeKeyPart(typeof each === 'string' ? `s${each}` : encode(each))),
      );
    const some = fc.array(nested, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(some, some, (a, b) => {
        expect(encode(a) === encode(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      runs(1_000),
    );
  });

  it('is what every tier carries as it is: bytes of UTF-8 without NUL or braces, in a keyspace', () => {
    const candidate = fc.oneof(
      fc.tuple(name, text).map(([keyspace, part]) => `${keyspace}:${encodeKeyPart(part)}`),
      fc.tuple(name, text).map((pair) => pair.join(':')),
      text,
      fc.anything(),
    );
    fc.assert(
      fc.property(candidate, (key) => {
        const carried =
          typeof key === 'string' &&
          Buffer.from(key, 'utf8').toString('utf8') === key &&
          key.length <= KEY_LENGTH_MAX &&
          !/[\0{}]/.test(key) &&
          /^[a-z][a-z0-9_-]{0,63}(?::|$)/.test(key);
        expect(isKey(key)).toBe(carried);
        if (carried) expect(isKeyspaceName(keyspaceOf(key))).toBe(true);
      }),
      // Lone surrogates: in UTF-8 all of them are one character, so that two keys met in one record.
      runs<[unknown]>(2_000, {
        examples: [['city:\uD800'], ['city:\uDFFF'], ['city:\0'], ['city\n'], ['city:']],
      }),
    );
  });

  it('of two kinds is never the same: groups, their generations and members, tags, rows and scopes', () => {
    const generation = fc.tuple(fc.nat(11), fc.nat(11)).map((pair) => pair.join('.'));
    const of = fc.oneof(
      fc.tuple(fc.constant('pointer'), name, fc.constant(''), fc.constant('')),
      fc.tuple(fc.constant('member'), name, generation, alike),
      fc.tuple(fc.constant('tag'), fc.constant(''), fc.constant(''), alike),
      fc.tuple(fc.constant('row'), name, alike, alike),
      fc.tuple(fc.constant('scope'), name, fc.constant(''), fc.constant('')),
    );
    const keyOf = ([kind, of1, of2, of3]: readonly string[]): string => {
      if (kind === 'pointer') return pointerKey(of1!);
      if (kind === 'member') return `${memberPrefix(of1!, of2!)}:${encodeKeyPart(of3!)}`;
      if (kind === 'tag') return `tag:${encodeKeyPart(of3!)}`;
      if (kind === 'scope') return of1!;
      return joinKey(of1!, [of2!, of3!].map(encodeKeyPart));
    };
    fc.assert(
      fc.property(of, of, (a, b) => {
        expect(keyOf(a) === keyOf(b)).toBe(a.join('\n') === b.join('\n'));
        if (isPortable(a.join(''))) expect(isKey(keyOf(a))).toBe(true);
      }),
      runs(2_000),
    );
  });
});
