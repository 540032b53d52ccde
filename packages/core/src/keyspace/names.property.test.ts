import { anyUnit, runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { group } from '../groups/group.ts';
import { decodeKeyPart, isKey, keyspaceOf } from '../protocol/key.ts';
import { keyspace } from './keyspace.ts';
import { keyDecoder, keyEncoder, type ParamTypes } from './params.ts';
import { tag } from './tag.ts';

const text = fc.oneof(
  fc.string({ unit: anyUnit, maxLength: 30 }),
  fc
    .array(fc.constantFrom('%', ':', '{', '}', '\0', '\uD800', '\uDFFF', ' ', '\n', 'a', '😀'), {
      maxLength: 8,
    })
    .map((units) => units.join('')),
);

/** What it answers, or the code that it refused with; anything else is thrown on. */
function coded(make: () => string): { readonly key: string } | { readonly code: string } {
  try {
    return { key: make() };
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    if (typeof code !== 'string' || !/^E_[A-Z_]+$/.test(code)) throw error;
    expect(message.length).toBeLessThan(500);
    return { code };
  }
}

describe('names from outside', () => {
  it('of tags are refused with a code, or come back from their key', () => {
    fc.assert(
      fc.property(text, (name) => {
        const made = coded(() => tag(name));
        if ('code' in made) {
          expect(made.code).toBe('E_KEY');
          expect(name === '' || !name.isWellFormed() || name.includes('\0')).toBe(true);
          return;
        }
        expect(isKey(made.key)).toBe(true);
        expect(keyspaceOf(made.key)).toBe('tag');
        expect(decodeKeyPart(made.key.slice('tag:'.length))).toBe(name);
      }),
      // Lone surrogates became one tag in Redis and Postgres, and NUL failed the write with an error of Postgres.
      runs(1_000, { examples: [['\uD800'], ['\uDFFF'], ['a\0b'], [''], ['%3A:']] }),
    );
  });

  it('of keyspaces and groups are plain words, and never stand for something else', () => {
    const word = fc.oneof(
      text,
      fc.stringMatching(/^[a-z][a-z0-9_-]{0,9}$/),
      fc.integer({ min: 60, max: 70 }).map((length) => 'a'.repeat(length)),
      fc.constantFrom('tag', 'group', 'member', 'constructor', '__proto__', 'a\n', 'ａ', 'A'),
    );
    const load = async (): Promise<null> => null;
    fc.assert(
      fc.property(word, (name) => {
        const plain = /^[a-z][a-z0-9_-]{0,63}$/.test(name) && name.trim() === name;
        const space = coded(() => keyspace({ name, params: { id: 'int' }, load }).key({ id: 1 }));
        const free = plain && !['tag', 'group', 'member'].includes(name);
        expect(space).toEqual(free ? { key: `${name}:1` } : { code: 'E_CONFIGURATION' });
        const grouped = coded(() => group({ name, params: { id: 'int' } }).name);
        expect(grouped).toEqual(plain ? { key: name } : { code: 'E_CONFIGURATION' });
      }),
      runs(1_000),
    );
  });

  it('parameters of any kind are refused with a short code, or make a key that gives them back', () => {
    const kind = fc.constantFrom('int' as const, 'string' as const, 'boolean' as const, 'digest' as const);
    const field = fc.oneof(fc.constantFrom('id', '__proto__', 'constructor', 'a:b'), text);
    const types = fc.uniqueArray(fc.tuple(field, kind), {
      minLength: 1,
      maxLength: 4,
      selector: ([name]) => name,
    });
    const right = { int: fc.maxSafeInteger(), string: text, boolean: fc.boolean(), digest: text };
    const drawn = types.chain((fields) =>
      fc.tuple(
        fc.constant(fields),
        fc.tuple(...fields.map(([, type]) => fc.oneof({ weight: 4, arbitrary: right[type] }, fc.anything()))),
      ),
    );
    fc.assert(
      fc.property(drawn, ([fields, values]) => {
        const declared = Object.fromEntries(fields) as ParamTypes;
        const params = Object.fromEntries(fields.map(([name], i) => [name, values[i]]));
        const made = coded(() => keyEncoder('page', declared)(params as never));
        if ('code' in made) return;
        const back = keyDecoder('page', declared)(made.key);
        if (fields.some(([, type]) => type === 'digest')) {
          expect(back).toBeNull();
          expect(isKey(made.key)).toBe(true);
          return;
        }
        expect(keyEncoder('page', declared)(back!)).toBe(made.key);
        for (const [name] of fields)
          expect(Object.is(back![name], params[name]) || params[name] === 0).toBe(true);
      }),
      runs(1_000),
    );
  });

  it('what is no object of parameters at all is refused with a code as well', () => {
    const one = keyEncoder('city', { id: 'int' });
    const two = keyEncoder('page', { site: 'string', number: 'int' });
    const nasty = [
      undefined,
      null,
      7,
      'x',
      Object.create(null),
      { id: Object.create(null) },
      { id: Symbol('x') },
    ];
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...nasty), fc.anything()), (params) => {
        const id = (params as { id?: unknown } | null | undefined)?.id;
        if (!Number.isSafeInteger(id)) expect(coded(() => one(params as never))).toEqual({ code: 'E_KEY' });
        expect(coded(() => two(params as never))).toEqual({ code: 'E_KEY' });
      }),
      // An object without a text form broke the error's own message.
      runs(500, { examples: nasty.map((each) => [each]) }),
    );
  });
});
