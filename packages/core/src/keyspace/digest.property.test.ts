import { anyUnit, runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKeyPart, isKey, keyspaceOf } from '../protocol/key.ts';
import { DIGEST_LENGTH_MAX, digestKeyPart } from './digest.ts';
import { keyspace } from './keyspace.ts';
import { keyDecoder, keyEncoder } from './params.ts';

const encode = keyEncoder('search', { words: 'digest', page: 'int' });
const short = keyEncoder('search', { words: 'digest' });
const text = fc.string({ unit: anyUnit, maxLength: 60 }).map((each) => each.toWellFormed());

describe('keys with a digest', () => {
  it('are different for different text, however alike and however long', () => {
    const alike = fc
      .tuple(text, fc.nat(5), fc.nat(2))
      .map(([each, end, times]) => `${each.repeat(times * 50)}${each}${end}`);
    fc.assert(
      fc.property(alike, alike, (a, b) => {
        expect(short({ words: a }) === short({ words: b })).toBe(a === b);
      }),
      runs(1_000, {
        examples: [
          ['a\0', 'a'],
          ['A'.repeat(24), 'A'.repeat(25)],
          ['é', 'e\u0301'],
          ['{a}', ':a:'],
          ['😀', '😁'],
        ],
      }),
    );
  });

  it('are bounded, need no escapes, and begin as their text does', () => {
    fc.assert(
      fc.property(text, fc.nat(5), (each, times) => {
        const words = each.repeat(1 + times * 1_000);
        const key = encode({ words, page: 1 });
        expect(isKey(key)).toBe(true);
        expect(keyspaceOf(key)).toBe('search');
        const [, part, page] = key.split(':');
        expect(page).toBe('1');
        expect(part).toMatch(/^[A-Za-z0-9._-]{0,24}~[A-Za-z0-9_-]{43}$/);
        expect(part!.length).toBeLessThanOrEqual(DIGEST_LENGTH_MAX);
        expect(decodeKeyPart(part!)).toBe(part);
        const plain = /^[A-Za-z0-9._-]{0,24}/.exec(words)![0];
        expect(part!.startsWith(plain)).toBe(true);
      }),
      runs(500, {
        examples: [
          ['😀'.repeat(30), 0],
          [`${'a'.repeat(23)}😀`, 0],
        ],
      }),
    );
  });

  it('keep the form that other regions and the database make', () => {
    expect(digestKeyPart('')).toBe('~47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU');
    expect(digestKeyPart('https://example.org/a?b=c&d=e')).toBe(
      'https___example.org_a_b_~FEzGvlZocODDHw2z65P_ISSIUybztsTK_MLzl2ngCuc',
    );
  });

  it('do not give their parameters back', () => {
    const decode = keyDecoder('search', { words: 'digest', page: 'int' });
    expect(decode(encode({ words: 'boots', page: 1 }))).toBeNull();
  });

  it('refuse what is no text, or has no form in UTF-8', () => {
    for (const words of ['\ud800', 'a\0\udfff', 1, undefined, {}, new String('x')]) {
      expect(() => short({ words: words as string })).toThrow(expect.objectContaining({ code: 'E_KEY' }));
    }
  });

  it.each(['update', 'refresh'] as const)('can not be reloaded from: onWrite %s is refused', (onWrite) => {
    const make = (type: 'string' | 'digest') => () =>
      keyspace({ name: 'search', params: { words: type }, onWrite, load: async () => null });
    expect(make('digest')).toThrow(expect.objectContaining({ code: 'E_CONFIGURATION' }));
    expect(make('string')).not.toThrow();
  });
});
